# Report the result of inspect_keys.sh, and whether sshd's configuration is plain: whether it reads
# ~/.ssh/authorized_keys and has nothing that may refuse a key. If so, sshd itself need not be asked, which takes 200 ms on
# a slow machine. Runs after inspect_keys.sh.
#
#   stdin       the lines of the configuration that may say otherwise; read last
#
# Prints "s PLAIN CRC LENGTH LENGTH-IN-LINES KEY-LINES", where PLAIN is p if the configuration is plain, otherwise x, followed
# by the letters of sos_odd.
while read -r l; do
[ "$l" = "Include /etc/ssh/sshd_config.d/*.conf" ] || sos_elsewhere=x
done
echo s ${sos_elsewhere:-p}$sos_odd $sos_was $z $k
