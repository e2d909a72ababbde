# Wait for output of a command that was not fetched yet, or for its end, and report it (supervise_command.sh).
#
#   sos_path             the folder of the command
#   sos_size, sos_last   bytes of standard output and standard error that were fetched before
#   sos_most             print at most this many bytes of each
#   sos_seconds          how long to wait, in tenths of a second
#
# Prints "o COUNT LENGTH" and "e COUNT LENGTH": the bytes that follow, and the length so far; "s STATUS" if it has ended.
# Sets x and z, the counts, for the parts of the program that print them.
cd $sos_path || exit
i=0
while :; do
r=
[ -s s ] && read -r r <s
# The output is complete once there is a status, so it is counted after that.
set -- $(wc -c o e)
m=$1
n=$3
[ "$r" ] || [ $m -gt $sos_size ] || [ $n -gt $sos_last ] || [ $i -ge $sos_seconds ] && break
if [ $i -lt 10 ] && sleep 0.1 2>/dev/null; then
i=$((i+1))
else
sleep 1
i=$((i+10))
fi
done
o=$sos_size
x=$((m-o))
o=$sos_last
z=$((n-o))
[ $x -gt $sos_most ] && x=$sos_most
[ $z -gt $sos_most ] && z=$sos_most
echo o $x $m
echo e $z $n
echo s $r
