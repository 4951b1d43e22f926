# What is made from the program's own tables, and the packages that hold it.
DOCUMENTS := $(patsubst packaging/man/%.in,$(BUILD)/share/%,$(wildcard packaging/man/*.in)) \
	     $(BUILD)/share/aiwatch.bash $(BUILD)/share/aiwatch.schema.json
GENERATOR := $(patsubst %.c,$(BUILD)/%.o,$(wildcard packaging/generate/*.c))

$(BUILD)/generate: $(GENERATOR) $(LIBRARY)
	$(call Q,LD)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/share/%: packaging/man/%.in $(BUILD)/generate
	@mkdir -p $(@D)
	$(BUILD)/generate manual $< >$@.new && mv $@.new $@

$(BUILD)/share/aiwatch.bash: $(BUILD)/generate
	@mkdir -p $(@D)
	$(BUILD)/generate completion >$@.new && mv $@.new $@

$(BUILD)/share/aiwatch.schema.json: $(BUILD)/generate
	@mkdir -p $(@D)
	$(BUILD)/generate schema >$@.new && mv $@.new $@

-include $(GENERATOR:.o=.d)

.PHONY: documents
documents: $(DOCUMENTS) ## manual pages, completion and JSON Schema, under build/share

.PHONY: install-documents
install: install-documents
install-documents: $(DOCUMENTS)
	$(foreach page,$(filter %.5 %.8,$(DOCUMENTS)),install -D -m 644 $(page) \
		$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))$(newline))
	install -D -m 644 $(BUILD)/share/aiwatch.bash \
		$(DESTDIR)$(prefix)/share/bash-completion/completions/aiwatch
	install -D -m 644 -t $(DESTDIR)$(datadir) $(BUILD)/share/aiwatch.schema.json
	install -D -m 644 -t $(DESTDIR)$(datadir)/drop-ins packaging/systemd/drop-ins/*.conf
	$(foreach kind,prometheus grafana icinga2,install -D -m 644 -t \
		$(DESTDIR)$(datadir)/$(kind) \
		$(filter-out %.test.yml,$(wildcard packaging/$(kind)/*))$(newline))

# The packages are built from what git knows of the tree, as it stands in the work tree.
.PHONY: deb rpm
deb: ## the Debian package, under build/deb
	@packaging/deps.sh build package
	packaging/debian/build $(VERSION) build/deb
rpm: ## the RPM package, under build/rpm
	@packaging/deps.sh build package
	packaging/rpm/build $(VERSION) build/rpm
