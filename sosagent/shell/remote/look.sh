# Which machine this is, and what a user's file of keys holds.
#
#   sos_home    the user's home folder
#   sos_path    the file
#   sos_piece   PATTERN|PATTERN of a `case`: they fit the lines that may hold our keys
#
# It prints, in this order: complaints of the commands, if any; "m HOME HOSTNAME MACHINE-ID";
#   ls -ldn of home, folder, file and, for its owner, this shell; ":LINE" for each line that the client wants to see: those that fit, the
#   mark of Google's agent, which takes out what stands behind it, and those that begin with no ASCII.
# It leaves
#   sos_was     "CRC LENGTH" of the file; nothing if it cannot be read or is no regular file
#   z           the sum of its lines' lengths and a newline for each: one more than LENGTH if the last
#               line has none; another number if the file holds NULs
#   k           how many lines are neither empty nor comments
#   sos_odd     holds x if a line was shown, n if the last one has no newline
# Loops of builtins are used instead of processes; 5 MB take dash 2 s.

# Where there is no /proc, the client asks again by uname.
read h </proc/sys/kernel/hostname
read m </etc/machine-id
echo m $sos_home $h $m
ls -ldn $sos_home ${sos_path%/*} $sos_path /proc/$$ &
[ -f $sos_path ] && sos_was=$(cksum<$sos_path)
wait
z=0
k=0
[ "$sos_was" ] && while IFS= read -r l || { [ "$l" ] && sos_odd=n; }; do
z=$((z+${#l}+1))
case $l in
'');;
$sos_piece|*Goog*|"${l#[ -~]}")printf :%s\\n "$l"
sos_odd=x$sos_odd
esac
[ "${l%%#*}" ] && k=$((k+1))
done <$sos_path
