# Ask sshd for its settings that matter for a login with a key, for some connections (sshd(8), -T and -C).
#
#   sos_user    the user
#   sos_specs   words "host=NAME,addr=ADDRESS,laddr=ADDRESS", which may also have "lport=PORT" and "rdomain=NAME"
#
# Prints "D PATH" of sshd and of dropbear, "W" on OpenWrt, "V VERSION" of OpenSSH, "U UID" of this shell; for each connection "@ NUMBER" and its
# settings, or "e LINE" for the complaints of sshd. After the first connection, only lines that the first one lacks and
# those of Allow... and Deny... follow. At the end "c LINE" for lines of the configuration whose conditions or quotes sshd does
# not report. Where ssh.socket starts sshd for each connection, its folder /run/sshd may be missing; it is removed again.
h=
for i in /usr/sbin/sshd /usr/local/sbin/sshd /usr/lib/ssh/sshd /usr/bin/sshd /run/current-system/sw/bin/sshd; do
[ -x $i ] && h=$i && break
done
[ "$h" ] || { [ -O ~/.local/sbin/sshd ] && h=~/.local/sbin/sshd; }
[ "$h" ] && echo D $h
command -v dropbear | sed 's/^/D /'
[ -e /etc/openwrt_release ] && echo W
echo U $(id -u)
[ "$h" ] && {
{
ssh -V
$h -V
} 2>&1 | grep OpenSSH_ | head -n 1 | sed 's/^/V /'
r=
mkdir -m 755 /run/sshd 2>/dev/null && r=/run/sshd
p=$($h -T 2>/dev/null | sed -n 's/^[Pp]ort //p' | head -n 1)
x=
n=0
for i in $sos_specs; do
echo @ $n
n=$((n+1))
i=lport=${p:-22},user=$sos_user,$i
if t=$($h -T -C $i,rdomain= 2>&1) || t=$($h -T -C $i 2>&1); then
printf '%s\n' "$t" | grep -iE '^(port|permitrootl|pubkey|requiredr|casig|revoked|authorizedkeys|authenticationm|strict|maxaut|forceco|chroot|allow[ug]|deny|usepam|usedns)' | if [ "$x" ]; then
grep -vxF "$x"
else
cat
fi
[ "$x" ] || x=$(printf '%s\n' "$t" | grep -viE '^(allow|deny)')
else
printf '%s\n' "$t" | head -n 5 | cut -c -300 | sed 's/^/e /'
fi
done
[ "$r" ] && rmdir $r
cd /etc/ssh && grep -hisE '^[^#a-z]*(mat|authorizedkeysf|revokedk|inc)' sshd_config $(grep -hisE '^[^#a-z]*inc' sshd_config | sed 's/^[^a-zA-Z]*[a-zA-Z]*//;s/[="]//g') | sed 's/^/c /'
}
