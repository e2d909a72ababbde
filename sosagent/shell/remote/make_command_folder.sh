# Make a private folder for the files of a command, on the first file system that has room.
#
#   sos_text   a random name
#
# Prints "d FOLDER", which the rest of the program runs in, or "d". Sets p to the folder, or to nothing.
umask 77
p=
for i in /run /dev/shm /tmp /var/tmp ~; do
mkdir $i/.sosagent-$sos_text 2>/dev/null || continue
cd $i/.sosagent-$sos_text
echo >w
[ -s w ] && p=$PWD && break
cd /
rm -r $i/.sosagent-$sos_text
done
echo d $p
