# What sshd's StrictModes looks at (misc.c, safe_path), where links are in the way or the file is elsewhere.
# Prints ls -ldn of the file sos_path where its link leads; then of that file and of every folder above it, up to
# the home folder sos_home or to /.
ls -ldnL $sos_path
p=$(readlink -f $sos_path) || p=$sos_path
h=$(cd $sos_home && pwd -P)
while ls -ldn "$p"; do
case $p in
/|"$h")break
esac
p=${p%/*}
p=${p:-/}
done
