# Which machine this is, and what a user's file of keys holds.
#
#   sos_home    the user's home folder
#   sos_path    the file
#   sos_piece   PATTERN|PATTERN of a `case`: they fit the lines that may hold our keys
#
# It prints, in this order: complaints of the commands, if any; "m HOSTNAME MACHINE-ID HOME";
#   ls -ldnL of home, folder and file; ":LINE" for each line that fits.
# It leaves
#   sos_was     "CRC LENGTH" of the file; nothing if it cannot be read or is no regular file
#   z           the sum of its lines' lengths and a newline for each: one more than LENGTH if the last
#               line has none; another number if the file holds NULs
#   k           how many lines are neither empty nor comments
#   sos_odd     x if one of our keys may be there
# Loops of builtins are used instead of processes; 5 MB take dash 2 s.

# Where there is no /proc, the client asks again by uname.
read h </proc/sys/kernel/hostname
read m </etc/machine-id
echo "m $h $m" $sos_home
ls -ldnL $sos_home ${sos_path%/*} $sos_path
z=0
k=0
[ -f $sos_path ] && sos_was=$(cksum<$sos_path) && while IFS= read -r l || [ "$l" ]; do
z=$((z+${#l}+1))
case $l in
$sos_piece)printf ':%s\n' "$l"
sos_odd=x
esac
case $l in
'#'*|'');;
*)k=$((k+1))
esac
done <$sos_path
