package build

import (
	"context"
	"fmt"

	"github.com/fakecracker/fakecracker/internal/accounts"
)

// finishOfPackages does what packages do to accounts and to files that others
// bring.
func (b *builder) finishOfPackages(context.Context) error {
	if b.finish == nil {
		return nil
	}
	if err := b.finish(&b.tree); err != nil {
		return fmt.Errorf("%s: %w", b.packagesAt(), err)
	}
	return nil
}

// addAccounts makes the databases that NetBSD's programs look users up in, and
// enables services.
func (b *builder) addAccounts(ctx context.Context) error {
	if b.wantsSystem() {
		db, err := accounts.Load(&b.tree)
		if err != nil {
			return err
		}
		if err := db.Default(b.Guest.OS); err != nil {
			return err
		}
		if err := db.Store(&b.tree, b.time(), why); err != nil {
			return err
		}
	}
	return b.enableServices(ctx)
}
