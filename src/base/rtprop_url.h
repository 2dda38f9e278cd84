/*
 * rtprop_url: links that users and hosts give to be followed by others.
 */

#ifndef _RTPROP_URL_H_INCLUDED_
#define _RTPROP_URL_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_URL_LEN   2048


/*
 * Tells whether a browser that follows the URL stays with http(s) or on the
 * same host (RFC 3986, 4.2): http://, https://, or a path without a scheme and
 * without a host.  Refused are also the octets that browsers strip or turn
 * into a slash: controls, spaces, backslashes.  1 to RTPROP_URL_LEN octets.
 * Returns 1 or 0.
 */
int rtprop_url_safe(const unsigned char *data, size_t len);


#endif /* _RTPROP_URL_H_INCLUDED_ */
