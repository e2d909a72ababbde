# Identify the machine, and inspect a user's authorized_keys.
#
#   sos_home    the user's home folder
#   sos_path    the file
#   sos_pattern PATTERN|PATTERN of `case` that match the lines that may contain our keys
#
# Prints "m HOSTNAME MACHINE-ID HOME" and ":LINE" for each line that the client needs: those that match, the mark of
#   Google's agent, which removes the line after it, and those that do not start with ASCII.
# Sets, for the program that follows:
#   sos_was     "CRC LENGTH" of the file; empty if it cannot be read or is not a regular file
#   z           sum of the lengths of its lines, plus a newline for each: LENGTH + 1 if the last line has no newline,
#               another number if the file contains NULs
#   k           number of lines that are neither empty nor comments
#   sos_odd     contains x if a line was printed, n if the last line has no newline
# Loops of builtins replace processes, which are slow to start on small machines; dash takes 2 s for 5 MB.

# Without /proc the hostname is missing, and the client asks uname for it.
read h </proc/sys/kernel/hostname
read m </etc/machine-id
echo m $h $m $sos_home
z=0
k=0
[ -f $sos_path ] && sos_was=$(cksum<$sos_path) && while IFS= read -r l || { [ "$l" ] && sos_odd=n; }; do
z=$((z+${#l}+1))
case $l in
'');;
$sos_pattern|*Goog*|"${l#[ -~]}")printf :%s\\n "$l"
sos_odd=x$sos_odd
esac
[ "${l%%#*}" ] && k=$((k+1))
done <$sos_path
