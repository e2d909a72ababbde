# Print the age of the shell beneath ours as "UPTIME START", both in seconds since boot, and how many children it has beside
# ours, 0 if the kernel does not list them; nothing without /proc.
# The kernel counts in ticks of 1/100 s for programs on every Linux (proc(5), USER_HZ).
h=$$
[ -r /proc/$PPID/task/$PPID/children ] && read -r h </proc/$PPID/task/$PPID/children
set -- $h
n=$#
read m x </proc/uptime && read -r l </proc/$PPID/stat && set -- ${l##*) } && echo ${m%.*} $((${20}/100)) $((n-1))
