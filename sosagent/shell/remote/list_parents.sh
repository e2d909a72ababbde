# Print the paths that StrictModes of sshd checks (misc.c, safe_path), for a file that is elsewhere or behind links.
# Prints ls -ldn of the target of sos_path, then of that file and of each folder above it, up to the home folder
# sos_home or to /.
ls -ldnL $sos_path
p=$(readlink -f $sos_path) || p=$sos_path
h=$(cd $sos_home && pwd -P)
while :; do
ls -ldn "$p"
case $p in
/|"$h")break
esac
p=${p%/*}
p=${p:-/}
done
