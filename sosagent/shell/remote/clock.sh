# Print the time of the machine and the version of its sshd.
#
#   sos_until   a time, in seconds since the epoch
#
# Prints "t SECONDS LOCAL", where LOCAL is sos_until in local time, and "v VERSION"; empty fields where unknown.
echo t $(date +%s) $(date -d @$sos_until +%Y%m%d%H%M%S || date -r $sos_until +%Y%m%d%H%M%S)
echo v $(/usr/sbin/sshd -V 2>&1 | sed -n 's/.*OpenSSH_\([0-9.]*\).*/\1/p')
