# The lines of sshd's configuration that matter for plain.sh, where it is where Linux systems have it.
cd /etc/ssh && grep -hisE '^[^#a-z]*(mat|au|al|de|permitr|pu|in)' sshd_config sshd_config.d/*
