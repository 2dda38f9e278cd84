#!/usr/bin/perl

# What "nginx -t" refuses of the HTTP interface's directives.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

no_shuffle();
run_tests();

__DATA__

=== TEST 1: no such key file
--- config
    location /api/ {
        rtprop api;
        rtprop_api_key $TEST_NGINX_HTML_DIR/none.key;
    }
--- must_die
--- error_log
"rtprop_api_key": open()
none.key" failed (2: No such file or directory)



=== TEST 2: a short key
--- config
    location /api/ {
        rtprop api;
        rtprop_api_key $TEST_NGINX_HTML_DIR/api.key;
    }
--- user_files
>>> api.key
only15character
--- must_die
--- error_log
"rtprop_api_key": the key in "
must have 16 to 4096 characters



=== TEST 3: an empty file
--- config
    location /api/ {
        rtprop api;
        rtprop_api_key $TEST_NGINX_HTML_DIR/api.key;
    }
--- user_files eval
">>> api.key\n\n"
--- must_die
--- error_log
must have 16 to 4096 characters



=== TEST 4: a key with spaces
--- config
    location /api/ {
        rtprop api;
        rtprop_api_key $TEST_NGINX_HTML_DIR/api.key;
    }
--- user_files
>>> api.key
a key of several words
--- must_die
--- error_log
must be one line of visible ASCII characters without spaces
--- no_error_log
several



=== TEST 5: two lines
--- config
    location /api/ {
        rtprop api;
        rtprop_api_key $TEST_NGINX_HTML_DIR/api.key;
    }
--- user_files
>>> api.key
the-first-line-of-a-key
the-second-line
--- must_die
--- error_log
must be one line of visible ASCII characters without spaces



=== TEST 6: a key too long
--- config
    location /api/ {
        rtprop api;
        rtprop_api_key $TEST_NGINX_HTML_DIR/api.key;
    }
--- user_files eval
">>> api.key\n" . ("x" x 4097)
--- must_die
--- error_log
must have 16 to 4096 characters



=== TEST 7: a folder
--- config
    location /api/ {
        rtprop api;
        rtprop_api_key /;
    }
--- must_die
--- error_log
"rtprop_api_key": read() "/" failed



=== TEST 8: two keys
--- config
    location /api/ {
        rtprop api;
        rtprop_api_key $TEST_NGINX_HTML_DIR/api.key;
        rtprop_api_key $TEST_NGINX_HTML_DIR/api.key;
    }
--- user_files
>>> api.key
the-key-of-these-tests
--- must_die
--- error_log
"rtprop_api_key" directive is duplicate



=== TEST 9: a key at the wrong level
--- http_config
    rtprop_api_key api.key;
--- must_die
--- error_log
"rtprop_api_key" directive is not allowed here



=== TEST 10: neither on nor off
--- config
    location /api/ {
        rtprop api;
        rtprop_api_public yes;
    }
--- must_die
--- error_log
invalid value "yes" in "rtprop_api_public" directive, it must be "on" or "off"



=== TEST 11: a word that nothing serves
--- config
    location /api/ {
        rtprop apis;
    }
--- must_die
--- error_log
unknown word "apis" in "rtprop", it must be one of
"api", "health", "metrics"
