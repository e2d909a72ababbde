# Why may sshd not have let somebody in?
#
# Prints "t LINE" of what it says of its configuration, "n ADDRESS:PORT..." in hexadecimals where a socket listens on sos_port
# (no such line where that cannot be known), "u STATE..." of its services, "w RULE" of a firewall that drops or rejects.
/usr/sbin/sshd -t 2>&1 | head -n 5 | cut -c -300 | sed 's/^/t /'
[ -r /proc/net/tcp ] && echo n $(cat /proc/net/tcp* | grep -o "[^ ]*$(printf :%04X $sos_port) [0:]* 0A" | cut -d ' ' -f 1)
echo u $(systemctl is-active ssh sshd ssh.socket 2>/dev/null)
{
nft list ruleset
iptables -S
pfctl -s rules
ipfw list
} 2>/dev/null | grep -iE 'drop|reject|block|deny' | head -n 9 | cut -c -200 | sed 's/^/w /'
