#include "daemon/engine/alert.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

/*
 * What an alert says to a person: summary, advice, links. Dates and remedies are those that
 * Microsoft documented for the Asset Intelligence synchronization point.
 */
#define REMEDY                                                                               \
	"Get the updated public certificate (KB 3207852, KB 4054234, or update "             \
	"Configuration Manager to 1710 or later, which brings it along) and install it "     \
	"on the synchronization point: Set-CMAssetIntelligenceSynchronizationPoint "         \
	"-CertificateFile \\\\SERVER\\SHARE\\FILE.pfx. The certificate of this installation" \
	" then renews by itself; start a synchronization with "                              \
	"Sync-CMAssetIntelligenceCatalog. Check the dates of validity in the "               \
	"Certificates MMC snap-in. The service is out of support since November 2022: "      \
	"removing the role may be the cure."

#define OUT_OF_SUPPORT "It is out of support since November 2022 and may have been switched off."

static const char EXPIRED[] =
	"The certificate of the Asset Intelligence synchronization point has expired. " REMEDY;

static const char REJECTED[] =
	"Enrolment was refused, and no synchronization was seen to follow. A proxy that"
	" wants a sign-in, or trouble of the service, looks the same; the number stands"
	" in the synchronization's own line. Where it is 403, the certificate has "
	"expired. " REMEDY;

static const char FORBIDDEN[] =
	"The service refused with 403, which most often means that the certificate has "
	"expired. It may also be an address block, an access policy, or a client "
	"certificate that is required, revoked or not trusted: the sub-code stands in "
	"the other side's log only. " REMEDY;

static const char FAILING[] =
	"Synchronization fails for a cause that is not the certificate's: read the "
	"evidence, check proxy, firewall and network of the synchronization point, then"
	" try Sync-CMAssetIntelligenceCatalog (it is accepted once in 12 hours).";

static const char SILENT[] =
	"Nothing arrives of this site's AIUpdateSvc.log: check that the service runs, "
	"that its log is still collected, and that the file can be read here.";

static const char WATCHER[] = "See `aiwatch status` and the daemon's own log.";

static const char HEARTBEAT[] =
	"Nothing is to be done while this keeps coming. Where it stays away, aiwatch, its host or "
	"the way from there has failed.";

static const char TEST[] = "This is a test: nothing is to be done.";

static const char DNS[] =
	"The name of the service or of the proxy could not be resolved: check DNS on "
	"the synchronization point, and the proxy's name in the site system's "
	"properties.";

static const char NETWORK[] =
	"The connection failed or broke off: check firewall, proxy and network between "
	"the synchronization point and the service.";

static const char PROXY[] =
	"The proxy refused the request: check its rules for the service's address, and "
	"the proxy settings of the site system.";

static const char PROXY_SIGN_IN[] =
	"The proxy wants a sign-in: check the proxy account in the site system's "
	"properties. Where its password has expired, enrolment starts over, and the "
	"connection certificate may have been deleted.";

static const char SIGN_IN[] =
	"The service or a proxy on the way wants a sign-in: check the proxy account of "
	"the site system and the proxy's rules.";

static const char GONE[] =
	"The service's address was not found: check proxy rules that rewrite it. " OUT_OF_SUPPORT;

static const char SERVICE[] =
	"The service, or a proxy for it, answered with an error of its own: wait and "
	"see. " OUT_OF_SUPPORT;

static const char TRUST[] =
	"The server's certificate was not accepted: check the trusted root certificates"
	" of the synchronization point, and whether a device on the way inspects TLS.";

static const char CHANNEL[] =
	"TLS could not be agreed on: check the TLS versions and ciphers of the "
	"synchronization point, and whether the service may read its certificate's "
	"private key.";

static const char PAGE[] =
	"A web page came instead of an answer: a proxy or web server on the way spoke "
	"for the service. Open the service's address from the synchronization point and"
	" read the page.";

static const char *const LINK[] = {"https://support.microsoft.com/en-us/help/3207852", NULL};
static const char *const NO_LINK[] = {NULL};

const char *const *
alert_links(enum alert_kind kind)
{
	bool of_certificate =
		kind == ALERT_CERTIFICATE_EXPIRED || kind == ALERT_CERTIFICATE_SUSPECT;
	return of_certificate ? LINK : NO_LINK;
}

/* Advice by cause, where the rule has none of its own: the first row whose word the cause holds. */
static const struct cause_advice {
	const char *word;
	const char *advice;
} CAUSE_ADVICE[] = {
	{"RequestProhibitedByProxy", PROXY},
	{"NameResolutionFailure", DNS},
	{"TrustFailure", TRUST},
	{"SecureChannelFailure", CHANNEL},
	{"text/html", PAGE},
	{"407", PROXY_SIGN_IN},
	{"401", SIGN_IN},
	{"404", GONE},
	{"500", SERVICE},
	{"502", SERVICE},
	{"503", SERVICE},
	{"504", SERVICE},
	{"ConnectFailure", NETWORK},
	{"Timeout", NETWORK},
	{"ReceiveFailure", NETWORK},
	{"SendFailure", NETWORK},
	{"ConnectionClosed", NETWORK},
	{"KeepAliveFailure", NETWORK},
	{"RequestCanceled", NETWORK},
	{"ServerProtocolViolation", NETWORK},
};

static const char *
failing_advice(const char *cause)
{
	for (size_t i = 0; cause && i < COUNT(CAUSE_ADVICE); i++) {
		if (strstr(cause, CAUSE_ADVICE[i].word))
			return CAUSE_ADVICE[i].advice;
	}
	return FAILING;
}

const char *
alert_usual_advice(const struct alert *alert)
{
	switch (alert->kind) {
	case ALERT_CERTIFICATE_EXPIRED:
		return EXPIRED;
	case ALERT_CERTIFICATE_SUSPECT:
		return alert->state == SITE_ENROLL_REJECTED ? REJECTED : FORBIDDEN;
	case ALERT_SYNC_FAILING:
		return failing_advice(alert->cause);
	case ALERT_SITE_SILENT:
		return SILENT;
	case ALERT_AIWATCH:
		return WATCHER;
	case ALERT_HEARTBEAT:
		return HEARTBEAT;
	default:
		return TEST;
	}
}

/* What stands, without the site's name. */
static char *
trouble_words(const struct alert *alert)
{
	switch (alert->kind) {
	case ALERT_CERTIFICATE_EXPIRED:
		return mem_text("certificate expired, re-provision needed");
	case ALERT_CERTIFICATE_SUSPECT:
		if (!alert->firing)
			return mem_text("certificate may have expired");
		return mem_text(alert->state == SITE_ENROLL_REJECTED
					? "enrolment rejected, certificate may have expired"
					: "sync refused (403), certificate may have expired");
	case ALERT_SYNC_FAILING:
		return alert->cause ? mem_format("sync failing: %s", alert->cause)
				    : mem_text("sync failing");
	case ALERT_SITE_SILENT:
		return mem_text("writes nothing any more");
	case ALERT_AIWATCH:
		return mem_text(alert->cause ? alert->cause : "trouble of the watcher itself");
	case ALERT_HEARTBEAT:
		return mem_text("aiwatch is alive");
	default:
		return mem_text("test alert");
	}
}

void
alert_write_texts(struct alert *alert, const char *advice)
{
	char *words = trouble_words(alert);
	char *advice_text = mem_text(advice ? advice : alert_usual_advice(alert));
	free(alert->summary);
	free(alert->advice);
	alert->advice = advice_text;
	alert->summary = alert->firing
				 ? mem_format("%s: %s", alert->site, words)
				 : mem_format("%s: over (%s): %s", alert->site,
					   alert->resolution ? resolution_name(alert->resolution)
							     : "resolved",
					   words);
	free(words);
}
