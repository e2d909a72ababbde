# Run a command whose streams are the files i, o and e of the current folder, and store its exit status in the file s.
# If the receiver ends first (the line died, or the user stopped), end the command, and remove the folder.
#
#   $1            process ID of the receiver
#   sos_program   how to run the script c
$sos_program <i >o 2>e &
p=$!
{
trap '' 1
while [ -f r ] && kill -0 $1; do
sleep 1
done
[ -f r ] || exit
h=$PWD
cd /
k=
[ -f $h/s ] || {
trap '' 15
kill -15 -$$ || kill -15 $p
sleep 2
k=1
}
rm -rf $h
[ "$k" ] && { kill -9 -$$ || kill -9 $p; }
exit
} &
wait $p
echo $? >s
