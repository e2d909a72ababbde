# Collect reasons why sshd may refuse a login.
#
# Prints "t LINE" for complaints of sshd about its configuration; "n ADDRESS:PORT...", hexadecimal, for the sockets that listen
# on sos_port (omitted where that is unknown); "u STATE..." of its services; "w RULE" for firewall rules that drop or reject.
/usr/sbin/sshd -t 2>&1 | head -n 5 | cut -c -300 | sed 's/^/t /'
[ -r /proc/net/tcp ] && echo n $(cat /proc/net/tcp* | grep -o "[^ ]*$(printf :%04X $sos_port) [0:]* 0A" | cut -d ' ' -f 1)
echo u $(systemctl is-active ssh sshd ssh.socket 2>/dev/null)
{
nft list ruleset
iptables -S
pfctl -s rules
ipfw list
} 2>/dev/null | grep -iE 'drop|reject|block|deny' | head -n 9 | cut -c -200 | sed 's/^/w /'
