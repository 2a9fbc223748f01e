#!/usr/bin/env bash
# git on a repository made here: import, log -p, gc, clone (by file and by https), merge, rebase.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need git git

export GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git config --global user.name Tester
git config --global user.email tester@example.org
git config --global pack.threads 2
git config --global gc.auto 0
git config --global protocol.file.allow always
git config --global init.defaultBranch main

source "$(dirname "${BASH_SOURCE[0]}")/../inputs/inputs.sh"
git_history 400 >"${WORK}/history"

# What a repository holds, not how its packs happen to be cut: threads make that vary.
work() {
  cat <<'SCRIPT'
set -euo pipefail
git init -q repo; cd repo
git fast-import --done --quiet <../../../history
git checkout -q main
git log -p --stat >../log; git log --graph --oneline --all >../graph
git log -p -M -C --find-copies-harder -20 --word-diff >../words
git gc --quiet --aggressive --prune=now; git fsck --full --strict
git count-objects -v | grep -v size
git rev-list --objects --all | sort | sha256sum
git blame dir1/file1.txt >../blame; git grep -n 'value 12' | sha256sum
git log -Svalue --oneline | wc -l; git shortlog -s main; git diff --stat HEAD~50 HEAD
git archive HEAD | sha256sum; git bundle create -q ../bundle --all; git bundle verify -q ../bundle
git clone -q --no-local . ../clone; git clone -q ../bundle ../unbundled
git -C ../clone fsck; git -C ../clone log -p | cmp - <(git log -p)
git clone -q --depth 5 "file://$PWD" ../shallow; git -C ../shallow log --oneline
git merge -q -m merged side; git rev-parse HEAD
git checkout -q -b topic HEAD~3; echo new >new; git add new; git commit -q -m topic
git rebase -q main; git rev-parse HEAD
echo more >>new; git stash -q; git stash pop -q; git status --short
git commit -q -am second; git format-patch -q -2 --stdout | sha256sum
git cherry-pick -n main~1; git status --short | sort
git reset -q --hard main; git submodule add -q ../clone sub; git submodule status | cut -c1-41
git repack -adf -q --window=50; git prune; git fsck
git verify-pack -v .git/objects/pack/*.idx | grep -c commit
cd ..; rm -rf repo clone unbundled shallow bundle
SCRIPT
}

# The dumb protocol needs no server program: git's libcurl and TLS library do the work.
clone_by_https() {
  expect_same "git: clone by https" bash -euc "
    git -c http.sslCAInfo=${WORK}/cert.pem clone -q https://localhost:${PORT}/repo.git clone
    git -C clone log -p | sha256sum; git -C clone fsck; rm -rf clone"
}

expect_same "git" bash -c "$(work)"

need nginx nginx-light
make_certificate "${WORK}"
start_nginx "${WORK}"
git init -q --bare "${WORK}/www/repo.git"
git -C "${WORK}/www/repo.git" fast-import --done --quiet <"${WORK}/history"
git -C "${WORK}/www/repo.git" gc --quiet
git -C "${WORK}/www/repo.git" update-server-info
clone_by_https
