package wire

// SealConfig is a configuration disk around any document.
func SealConfig(doc []byte) []byte { return seal(doc) }
