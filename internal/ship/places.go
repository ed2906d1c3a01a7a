package ship

import "strings"

// places are where NetBSD has the programs of its base system that
// definitions ask which(1) for (hier(7), the base and etc sets).
var places = map[string]string{
	"/bin": "cat chmod cp csh date dd df domainname echo ed expr hostname kill ksh ln ls mkdir mt mv pax ps pwd rm rmdir sh sleep stty sync tar test",
	"/sbin": "atactl disklabel dmesg fsck fsck_ffs halt ifconfig init mknod mount mount_ffs mount_kernfs mount_mfs mount_null mount_procfs mount_ptyfs " +
		"mount_tmpfs mount_union newfs nologin ping poweroff rcorder reboot route shutdown swapctl sysctl ttyflags umount",
	"/usr/bin": "awk basename bzip2 cmp comm cut diff dirname du egrep env false fgrep file find fstat ftp getconf grep gunzip gzip head id " +
		"install join ktrace ldd less logger login mail make md5 mktemp more nc netstat nice nohup od openssl passwd paste patch pkill pgrep " +
		"printf readlink script sed seq sha1 sort split ssh ssh-keygen stat strings su tail tee time touch tr true tty uname uniq unzip uptime " +
		"vi vis w wc which who xargs xz yes zcat",
	"/usr/sbin": "certctl chown chroot cron dhcpcd groupadd groupdel inetd nslookup ntpd pkg_add pkg_admin pkg_create pkg_delete pkg_info pwd_mkdb " +
		"service sshd syslogd useradd userdel usermod vipw",
	"/usr/pkg/bin":  "bash curl git node npm perl pip pkg_tarup pkgin python3 rsync ruby sqlite3 sudo tmux vim wget",
	"/usr/pkg/sbin": "apachectl httpd named nginx php-fpm",
}

// which answers which(1) by the guest's places. Linux has one folder where
// NetBSD has three.
func (a answers) which(names []string) (string, bool) {
	var found []string
	for _, name := range names {
		path, ok := placeOf(name)
		if !ok {
			return "", false
		}
		if a.guest.OS == "linux" {
			kind := "/usr/bin/"
			if strings.Contains(path, "sbin/") {
				kind = "/usr/sbin/"
			}
			path = kind + name
		}
		found = append(found, path)
	}
	return strings.Join(found, "\n"), len(found) > 0
}

func placeOf(name string) (string, bool) {
	for folder, programs := range places {
		for program := range strings.FieldsSeq(programs) {
			if program == name {
				return folder + "/" + name, true
			}
		}
	}
	return "", false
}
