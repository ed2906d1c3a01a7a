package kernel

// Names returns the names of kernels that Fetch is known to find.
func Names() []string { return []string{"linux"} }
