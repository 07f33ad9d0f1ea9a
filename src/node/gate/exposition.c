/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "base/time.h"
#include "node/gate/exposition.h"

const char exposition_type[] = "text/plain; version=0.0.4; charset=utf-8";

static void put_escaped(struct sbuf *out, const char *text, const char *which)
{
	for (size_t plain; *text; text++) {
		plain = strcspn(text, which);
		sbuf_add(out, text, plain);
		text += plain;
		if (!*text)
			return;
		sbuf_putc(out, '\\');
		sbuf_putc(out, *text == '\n' ? 'n' : *text);
	}
}

void exposition_head(struct sbuf *out, const char *name, const char *type, const char *help)
{
	sbuf_puts(out, "# HELP ");
	sbuf_puts(out, name);
	sbuf_putc(out, ' ');
	put_escaped(out, help, "\\\n");
	sbuf_puts(out, "\n# TYPE ");
	sbuf_puts(out, name);
	sbuf_putc(out, ' ');
	sbuf_puts(out, type);
	sbuf_putc(out, '\n');
}

static void put_label(struct sbuf *out, const char *before, const struct label *label)
{
	sbuf_puts(out, before);
	sbuf_puts(out, label->name);
	sbuf_puts(out, "=\"");
	put_escaped(out, label->value, "\\\"\n");
	sbuf_putc(out, '"');
}

/* name_suffix{a="b",le="…"}, and the blank before the value. */
static void put_name(struct sbuf *out, const char *name, const char *suffix,
	const struct label *labels, size_t n, const char *le)
{
	sbuf_puts(out, name);
	sbuf_puts(out, suffix);
	for (size_t i = 0; i < n; i++)
		put_label(out, i ? "," : "{", &labels[i]);
	if (le)
		put_label(out, n ? "," : "{", &(struct label){ "le", le });
	sbuf_puts(out, n || le ? "} " : " ");
}

static void put_u64(struct sbuf *out, uint64_t value)
{
	char digits[20], *at = digits + sizeof digits;

	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	sbuf_add(out, at, (size_t)(digits + sizeof digits - at));
}

/* Without trailing zeros: "12", "0.25". */
static void put_seconds(struct sbuf *out, uint64_t us)
{
	char fraction[7] = { '.' };
	uint64_t rest = us % USEC_PER_SEC;
	size_t len = 7;

	put_u64(out, us / USEC_PER_SEC);
	if (!rest)
		return;
	for (size_t i = 6; i > 0; i--, rest /= 10)
		fraction[i] = (char)('0' + rest % 10);
	while (fraction[len - 1] == '0')
		len--;
	sbuf_add(out, fraction, len);
}

static void put_sample(struct sbuf *out, const char *name, const struct label *labels, size_t n,
	uint64_t value, void (*put)(struct sbuf *out, uint64_t value))
{
	if (value == METRIC_NONE)
		return;
	put_name(out, name, "", labels, n, NULL);
	if (value == METRIC_INFINITE)
		sbuf_puts(out, "+Inf");
	else
		put(out, value);
	sbuf_putc(out, '\n');
}

void exposition_number(struct sbuf *out, const char *name, const struct label *labels, size_t n,
	uint64_t value)
{
	put_sample(out, name, labels, n, value, put_u64);
}

void exposition_seconds(struct sbuf *out, const char *name, const struct label *labels, size_t n,
	uint64_t us)
{
	put_sample(out, name, labels, n, us, put_seconds);
}

void exposition_histogram(struct sbuf *out, const char *name, const struct label *labels, size_t n,
	const struct histogram *histogram)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		scoped(sbuf_done) struct sbuf le = SBUF_INIT(32);

		if (i < HISTOGRAM_BOUNDS)
			put_seconds(&le, histogram_bounds[i]);
		else
			sbuf_puts(&le, "+Inf");
		count += histogram->counts[i];
		put_name(out, name, "_bucket", labels, n, le.data);
		put_u64(out, count);
		sbuf_putc(out, '\n');
	}
	put_name(out, name, "_sum", labels, n, NULL);
	put_seconds(out, histogram->sum_us);
	sbuf_putc(out, '\n');
	put_name(out, name, "_count", labels, n, NULL);
	put_u64(out, count);
	sbuf_putc(out, '\n');
}
