/*
 * rtprop_auction_doc: an auction's state as the document that the engine
 * keeps.
 *
 * The document is the module's own: text, compact, with a format number.  It is
 * checked on reading like any input, since it may have come over a network.
 */

#ifndef _RTPROP_AUCTION_DOC_H_INCLUDED_
#define _RTPROP_AUCTION_DOC_H_INCLUDED_


#include "base/rtprop_base.h"
#include "features/auction/rtprop_auction.h"


/*
 * Reads a document of "len" bytes.  Returns a state that the caller gives to
 * rtprop_auction_destroy(); NULL when the text is no document of this format
 * or there is no memory.
 */
rtprop_auction_t *rtprop_auction_parse(const char *text, size_t len);

/*
 * Writes a state as a document.  Returns a NUL-terminated text of "*len" bytes
 * that the caller frees with free(); NULL when there is no memory.  What is
 * parsed from it is equal to the state.
 */
char *rtprop_auction_serialise(const rtprop_auction_t *a, size_t *len);



#endif /* _RTPROP_AUCTION_DOC_H_INCLUDED_ */
