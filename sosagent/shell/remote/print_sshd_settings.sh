# Print the settings of sshd for the user sos_user that matter for a login with a key (sshd(8), -T and -C).
/usr/sbin/sshd -T -C user=$sos_user,host=h,addr=::1 | grep -E '^(a[lu]|de|permitr|pubkeyau)'
