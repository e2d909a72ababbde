# Print what sshd examines about the account of sos_user.
#
# Prints "P UID:GID:HOME:SHELL"; "H" if the home is no folder; "X" if the shell cannot be run; "S LOCK:CHANGED:LEAST:MOST:WARN:INACTIVE:EXPIRES" (shadow(5)),
# where LOCK is x if the password starts with an exclamation mark; "G NAME..." and "g GID..." of all
# its groups; "T SECONDS", the time; "N PATH" for each file that keeps users other than root out.
{
getent passwd $sos_user || grep "^$sos_user:" /etc/passwd
} 2>/dev/null | head -n 1 | {
IFS=: read -r h x p i x h k
echo "P $p:$i:$h:$k"
[ -d "${h:-/}" ] || echo H
k=${k:-/bin/sh}
[ -f "$k" ] && [ -x "$k" ] || echo X
}
{
getent shadow $sos_user || grep "^$sos_user:" /etc/shadow
} 2>/dev/null | head -n 1 | while IFS=: read -r n h x i m p k o r; do
case $h in
[\ -\"]*)h=x;;
*)h=
esac
echo "S $h:$x:$i:$m:$p:$k:$o"
done
echo G $(id -Gn $sos_user)
echo g $(id -G $sos_user)
echo T $(date +%s)
for i in /etc/nologin /run/nologin; do
[ -e $i ] && echo N $i
done
