# Go into the folder sos_part; stop with "e" unless it is ours, for nobody else to write to.
#
#   sos_uid     who we are
#
# Where another user may write to the folder around it, they may put a link in its place, which is seen here (what it
# leads to has not this name, should it be ours as root's home is); but nothing in it, and it cannot be moved
# elsewhere: ".." is where it was made.
set --
cd -P "$sos_part" && [ "${PWD##*/}" = "${sos_part##*/}" ] && set -- $(ls -ldn .)
case "$1 $3" in
drwx--[-S]---" $sos_uid"|drwx--[-S]---[.+@]" $sos_uid");;
*)echo e
exit
esac
