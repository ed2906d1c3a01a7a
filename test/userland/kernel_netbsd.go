package main

// kernelCommands are those that need NetBSD's kernel.
func kernelCommands() map[string]command {
	return map[string]command{
		"dmesg": dmesg, "halt": haltBy(rbHalt), "hostname": hostname, "ifconfig": ifconfig, "init": initProcess,
		"mknod": mknod, "mount": mount, "mount_ffs": mountFFS, "mount_kernfs": mountSimple("kernfs"),
		"mount_mfs": mountTmpfs, "mount_procfs": mountProcfs, "mount_ptyfs": mountPtyfs, "mount_tmpfs": mountTmpfs,
		"poweroff": haltBy(rbHalt | rbPowerDown), "ps": ps, "reboot": haltBy(rbAutoboot), "route": route, "shutdown": shutdown,
		"sysctl": sysctl, "umount": umount, "uname": uname,
	}
}
