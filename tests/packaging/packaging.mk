# The packages, the unit and the documents; and the package in a system that is booted for it.
# PACKAGING holds options of pytest: PACKAGING="-k boot".
.PHONY: test-packaging
test-packaging: ## packages, unit, manual pages; installed in a booted system
	@packaging/deps.sh build package package-test
	@$(MAKE) all documents deb rpm
	@tests/packaging/fetch-tree build/boot build/deb/aiwatch_$(VERSION)_*.deb
	@BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 \
		$(PYTHON) -m pytest -p no:cacheprovider -q -rs $(PACKAGING) tests/packaging
