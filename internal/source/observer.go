package source

import "log/slog"

// An Observer hears what a source does. One of zero hears nothing.
type Observer struct {
	Logger *slog.Logger
	// Progress is told what is going on, for people, by several goroutines
	// at a time.
	Progress func(text string)
}

// Log returns the logger, which is there always.
func (o Observer) Log() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

// Say tells people what is going on.
func (o Observer) Say(text string) {
	if o.Progress != nil {
		o.Progress(text)
	}
}
