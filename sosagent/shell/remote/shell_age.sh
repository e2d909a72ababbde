# Print the age of the shell beneath ours as "UPTIME START", both in seconds since boot; nothing without /proc.
# The kernel counts in ticks of 1/100 s for programs on every Linux (proc(5), USER_HZ).
read u x </proc/uptime && read -r l </proc/$PPID/stat && set -- ${l##*) } && echo ${u%.*} $((${20}/100))
