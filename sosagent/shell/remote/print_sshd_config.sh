# Print the lines of sshd's configuration files, from the usual place on Linux, except those of Debian's default that
# change nothing for a login with a key. Prints nothing if there is no sshd, or its configuration cannot be read.
cd /etc/ssh && [ -x /usr/sbin/sshd ] && grep -hsvxE '(#.*)?|Include /etc/ssh/sshd_config.d/\*.conf|(Cha|Kb|P[ar]|X)[^ ]* (no|yes)|Acc.*|Sub.*er' sshd_config sshd_config.d/*
