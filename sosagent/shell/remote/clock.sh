# What time it is here, how sos_until (seconds of the epoch) is written in local time, and which sshd this is.
# Prints "t SECONDS LOCAL-TIME" and "v VERSION"; nothing for what is not known.
echo t $(date +%s) $(date -d @$sos_until +%Y%m%d%H%M%S || date -r $sos_until +%Y%m%d%H%M%S)
echo v $(/usr/sbin/sshd -V 2>&1 | sed -n 's/.*OpenSSH_\([0-9.]*\).*/\1/p')
