# What sshd says of the user sos_user (sshd(8), -T and -C), as far as it matters for a login by key.
/usr/sbin/sshd -T -C user=$sos_user,host=h,addr=::1 | grep -E '^(a[lu]|de|permitr|pubkeyau)'
