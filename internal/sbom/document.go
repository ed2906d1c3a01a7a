package sbom

// noAssertion is SPDX's word for what is not known.
const noAssertion = "NOASSERTION"

// document is an SPDX document (SPDX 2.3, clause 6), as JSON has it.
type document struct {
	Version   string        `json:"spdxVersion"`
	License   string        `json:"dataLicense"`
	ID        string        `json:"SPDXID"`
	Name      string        `json:"name"`
	Namespace string        `json:"documentNamespace"`
	Creation  creation      `json:"creationInfo"`
	Packages  []spdxPackage `json:"packages"`
	Files     []spdxFile    `json:"files,omitempty"`
	Relations []relation    `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

// spdxPackage is a package (clause 7).
type spdxPackage struct {
	Name      string     `json:"name"`
	ID        string     `json:"SPDXID"`
	Version   string     `json:"versionInfo,omitempty"`
	File      string     `json:"packageFileName,omitempty"`
	Supplier  string     `json:"supplier,omitempty"`
	Location  string     `json:"downloadLocation"`
	Analyzed  bool       `json:"filesAnalyzed"`
	Checksums []checksum `json:"checksums,omitempty"`
	Homepage  string     `json:"homepage,omitempty"`
	Concluded string     `json:"licenseConcluded"`
	Declared  string     `json:"licenseDeclared"`
	LicenseOf string     `json:"licenseComments,omitempty"`
	Copyright string     `json:"copyrightText"`
	Comment   string     `json:"comment,omitempty"`
	Purpose   string     `json:"primaryPackagePurpose,omitempty"`
	Refs      []external `json:"externalRefs,omitempty"`
}

// spdxFile is a file (clause 8).
type spdxFile struct {
	Name      string     `json:"fileName"`
	ID        string     `json:"SPDXID"`
	Checksums []checksum `json:"checksums"`
	Concluded string     `json:"licenseConcluded"`
	Copyright string     `json:"copyrightText"`
	Comment   string     `json:"comment,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"` // "SHA1", "SHA256", "SHA512"
	Value     string `json:"checksumValue"`
}

// external is a reference to a package by its URL (purl).
type external struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relation struct {
	From string `json:"spdxElementId"`
	How  string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}
