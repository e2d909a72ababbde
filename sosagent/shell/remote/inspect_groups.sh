# Print what Debian's sshd examines about groups that may write to a file (user-group-modes.patch).
#
#   sos_text    the numbers of the groups
#
# Prints "V VERSION" of OpenSSH; for each group "Q NUMBER NAME MEMBER,..." as in group(5), and "q NUMBER NAME UID" for each
# account whose primary group it is.
ssh -V 2>&1 | grep OpenSSH_ | head -n 1 | sed 's/^/V /'
for i in $sos_text; do
{
getent group $i || grep "^[^:]*:[^:]*:$i:" /etc/group
} 2>/dev/null | head -n 1 | sed "s/^\([^:]*\):[^:]*:$i:/Q $i \1 /"
{
getent passwd
cat /etc/passwd
} 2>/dev/null | sed -n "s/^\([^:]*\):[^:]*:\([0-9]*\):$i:.*/q $i \1 \2/p"
done
