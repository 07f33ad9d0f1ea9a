/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <time.h>

#include "base/parse.h"
#include "base/time.h"

struct timestamp time_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct timestamp){ ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000 };
}

int64_t time_monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar, counted in 400-year eras that
 * begin on 1 March, so that the leap day is the last of its year. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

static void date_of(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*ret_day = doy - (153 * mp + 2) / 5 + 1;
	*ret_month = mp < 10 ? mp + 3 : mp - 9;
	*ret_year = (int64_t)yoe + era * 400 + (*ret_month <= 2);
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Takes `n` digits and the separator behind them (0: none). */
static bool take(struct span *text, size_t n, char sep, unsigned *ret_value)
{
	uint64_t value;

	if (text->len < n + (sep != 0) || !parse_u64((struct span){ text->at, n }, 9999, &value))
		return false;
	if (sep && text->at[n] != sep)
		return false;
	text->at += n + (sep != 0);
	text->len -= n + (sep != 0);
	*ret_value = (unsigned)value;
	return true;
}

static bool take_fraction(struct span *text, bool lax, int64_t *ret_us)
{
	int64_t us = 0, weight = USEC_PER_SEC / 10;
	size_t n = 1;

	*ret_us = 0;
	if (!text->len || !(text->at[0] == '.' || (lax && text->at[0] == ',')))
		return true;
	for (; n < text->len && text->at[n] >= '0' && text->at[n] <= '9'; n++, weight /= 10)
		us += weight * (text->at[n] - '0');
	if (n == 1)
		return false;
	text->at += n;
	text->len -= n;
	*ret_us = us;
	return true;
}

static bool take_offset(struct span text, bool lax, int64_t *ret_seconds)
{
	unsigned hours, minutes;
	bool west;

	*ret_seconds = 0;
	if (span_is(text, "Z"))
		return true;
	if (text.len != 6 || (text.at[0] != '+' && text.at[0] != '-'))
		return false;
	west = text.at[0] == '-';
	text.at++;
	text.len--;
	if (!take(&text, 2, ':', &hours) || !take(&text, 2, 0, &minutes))
		return false;
	if (hours > (lax ? 24u : 23u) || minutes > (lax ? 60u : 59u))
		return false;
	*ret_seconds = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

static bool parse(struct span text, bool lax, struct timestamp *ret_time)
{
	unsigned year, month, day, hour, minute, second;
	int64_t us, offset, seconds;
	size_t hour_digits;

	if (!take(&text, 4, '-', &year) || !take(&text, 2, '-', &month) ||
		!take(&text, 2, 'T', &day))
		return false;
	hour_digits = lax && text.len > 1 && text.at[1] == ':' ? 1 : 2;
	if (!take(&text, hour_digits, ':', &hour) || !take(&text, 2, ':', &minute) ||
		!take(&text, 2, 0, &second))
		return false;
	if (!take_fraction(&text, lax, &us) || !take_offset(text, lax, &offset))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > month_days(year, month) || hour > 23 ||
		minute > 59 || second > 59)
		return false;
	seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
	ret_time->us = seconds * USEC_PER_SEC + us;
	return true;
}

bool time_parse(struct span text, struct timestamp *ret_time)
{
	return parse(text, false, ret_time);
}

bool time_parse_lax(struct span text, struct timestamp *ret_time)
{
	return parse(text, true, ret_time);
}

/* Decimal digits with leading zeros; printf would cost more than all the rest of a line of JSON. */
static char *put_digits(char *at, unsigned value, unsigned n)
{
	for (unsigned i = n; i-- > 0; value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + n;
}

static char *put_date(char *at, int64_t days)
{
	unsigned month, day;
	int64_t year;

	date_of(days, &year, &month, &day);
	at = put_digits(at, (unsigned)year, 4);
	*at++ = '-';
	at = put_digits(at, month, 2);
	*at++ = '-';
	at = put_digits(at, day, 2);
	*at++ = 'T';
	return at;
}

const char *time_format(char buf[TIME_TEXT_SIZE], struct timestamp t, enum time_precision p)
{
	int64_t us = t.us % USEC_PER_SEC, seconds = t.us / USEC_PER_SEC, days;
	unsigned of_day;
	char *at = buf;

	if (us < 0) {
		us += USEC_PER_SEC;
		seconds--;
	}
	days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
	of_day = (unsigned)(seconds - days * 86400);
	at = put_date(at, days);
	at = put_digits(at, of_day / 3600, 2);
	*at++ = ':';
	at = put_digits(at, of_day / 60 % 60, 2);
	*at++ = ':';
	at = put_digits(at, of_day % 60, 2);
	if (p == TIME_FRACTION && us) {
		*at++ = '.';
		at = put_digits(at, (unsigned)us, 6);
		while (at[-1] == '0')
			at--;
	}
	*at++ = 'Z';
	*at = '\0';
	return buf;
}
