# Create the file sos_path and its folder if they are missing; never through a link, and never over anything.
# Prints "l" if the file is a symbolic link, which is then dangling.
[ -h $sos_path ] && echo l
umask 77
mkdir -p ${sos_path%/*}
(set -C;: >$sos_path) && command -v restorecon && restorecon -F ${sos_path%/*} $sos_path
