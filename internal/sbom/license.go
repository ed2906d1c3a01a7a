package sbom

import "strings"

// licenses are pkgsrc's names for licences (mk/license.mk, licenses/), and
// SPDX's for the same.
var licenses = map[string]string{
	"2-clause-bsd": "BSD-2-Clause", "modified-bsd": "BSD-3-Clause", "original-bsd": "BSD-4-Clause",
	"mit": "MIT", "x11": "X11", "isc": "ISC", "zlib": "Zlib", "openssl": "OpenSSL", "unlicense": "Unlicense", "cc0-1.0-universal": "CC0-1.0",
	"apache-1.1": "Apache-1.1", "apache-2.0": "Apache-2.0", "mpl-1.0": "MPL-1.0", "mpl-1.1": "MPL-1.1", "mpl-2.0": "MPL-2.0",
	"gnu-gpl-v1": "GPL-1.0-only", "gnu-gpl-v2": "GPL-2.0-only", "gnu-gpl-v3": "GPL-3.0-only", "gnu-agpl-v3": "AGPL-3.0-only",
	"gnu-lgpl-v2": "LGPL-2.0-only", "gnu-lgpl-v2.1": "LGPL-2.1-only", "gnu-lgpl-v3": "LGPL-3.0-only",
	"gnu-fdl-v1.2": "GFDL-1.2-only", "gnu-fdl-v1.3": "GFDL-1.3-only",
	"artistic": "Artistic-1.0", "artistic-2.0": "Artistic-2.0", "php": "PHP-3.01", "python-software-foundation": "PSF-2.0",
	"postgresql-license": "PostgreSQL", "ruby-license": "Ruby", "info-zip": "Info-ZIP", "vim-license": "Vim", "cddl-1.0": "CDDL-1.0",
	"boost-license": "BSL-1.0", "ofl-v1.1": "OFL-1.1", "epl-v1.0": "EPL-1.0", "epl-v2.0": "EPL-2.0",
}

// spdxLicense returns a licence expression of pkgsrc (AND, OR and round
// brackets) as SPDX has it, or NOASSERTION and false where it has a word that
// is not known.
func spdxLicense(expr string) (string, bool) {
	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(expr))
	for i, w := range words {
		switch w {
		case "AND", "OR", "(", ")":
			continue
		}
		name, ok := licenses[w]
		if !ok {
			return noAssertion, false
		}
		words[i] = name
	}
	return strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(words, " ")), true
}
