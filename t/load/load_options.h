
/* The command line of the load tool. */


#ifndef _LOAD_OPTIONS_H_INCLUDED_
#define _LOAD_OPTIONS_H_INCLUDED_


#include "load.h"


/*
 * Reads the command line.  On a mistake says what would be right and ends the
 * program with 2; --help ends it with 0.
 */
void load_options_read(load_options_t *o, int argc, char **argv);


#endif /* _LOAD_OPTIONS_H_INCLUDED_ */
