# Where install puts things, and uninstall finds them.
# shellcheck shell=bash disable=SC2034

programs=(clusterctl queueworker netnode)
units=(clusterops-queueworker.service clusterops-netnode.service)
configuration=(/etc/clusterops/config.yaml /etc/clusterops/queueworker.env /etc/clusterops/netnode.env)
# Made empty: a unit that is to open one does not start without it.
passwords=(/etc/clusterops/queueworker.password /etc/clusterops/netnode.password)
# The documents, below docs: an installed page links to installed pages and plots.
documents=()
for path in "$here"/../docs/{,decisions/,models/}*.md "$here"/../docs/*.svg "$here"/../docs/schemas/*.json; do
    documents+=("${path#"$here"/../docs/}")
done
doc=$prefix/share/doc/clusterops
galera=(galera.cnf haproxy.cfg serves)
monitoring=(clusterops.rules.yml clusterops.rules.test.yml grafana-dashboard.json prometheus.yml)
# systemd looks below /usr/lib and /usr/local/lib.
lib=$prefix/lib

# The directories that install has made, each as it was made, --destdir included: what is not in it is somebody else's. A
# tree that is copied elsewhere names none of there.
made=$doc/directories

# completion PROGRAM SHELL: the file by which a shell completes a program.
completion() {
    case $2 in
    bash) echo "$prefix/share/bash-completion/completions/$1" ;;
    zsh) echo "$prefix/share/zsh/site-functions/_$1" ;;
    fish) echo "$prefix/share/fish/vendor_completions.d/$1.fish" ;;
    esac
}
