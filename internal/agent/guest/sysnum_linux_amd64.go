package guest

// sysFinitModule is finit_module(2) of asm/unistd_64.h. The syscall package
// was frozen before it.
const sysFinitModule = 313
