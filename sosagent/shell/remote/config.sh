# The lines of sshd's configuration that matter for plain.sh; x where there is none where Linux systems have it.
cd /etc/ssh; [ -r sshd_config ] || echo x
grep -hisE '^[^#a-z]*(mat|au|al|de|permitr|pu|in)' sshd_config sshd_config.d/*
