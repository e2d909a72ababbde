# Is sshd's configuration so plain that it reads ~/.ssh/authorized_keys and puts nothing in a key's way?
# Then sshd itself (200 ms on a slow machine) need not be asked. Runs after look.sh.
#
#   stdin       the lines of the configuration that could say otherwise; they are read last
#
# Prints what look.sh found, as "s PLAIN CRC LENGTH LENGTH-IN-LINES KEY-LINES": PLAIN is p if it is,
# else x, with sos_odd behind it.
while read -r l; do
[ "$l" = "Include /etc/ssh/sshd_config.d/*.conf" ] || sos_elsewhere=x
done
echo s ${sos_elsewhere:-p}$sos_odd $sos_was $z $k
