# Create an empty part file in the current folder. Prints "o" if that succeeded.
rm -f part
(set -C;: >part) && echo o
