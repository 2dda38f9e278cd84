#!/usr/bin/perl

# The runner of Test::Nginx's declarative files, by such a file.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';

no_shuffle();
run_tests();

__DATA__

=== TEST 1: a body
--- config
    location /t {
        return 200 "hello\n";
    }
--- request
GET /t
--- response_body
hello
--- no_error_log
[error]



=== TEST 2: status and headers
--- config
    location /t {
        add_header X-One 1 always;
        add_header X-Two "a b" always;
        return 404;
    }
--- request
GET /t HTTP/1.0
--- more_headers
X-Nothing: here
--- error_code: 404
--- response_headers
X-One: 1
!X-Three
--- response_headers_like
X-Two: a\s+b
--- response_body_like: 404 Not Found
--- response_body_unlike: 500



=== TEST 3: a request body
--- config
    location /t {
        return 200 "$request_method $content_length $http_x_name";
    }
--- request
POST /t
hello world
--- more_headers
X-Name: me
--- response_body chomp
POST 11 me



=== TEST 4: several requests
--- config
    location /t {
        return 200 "$arg_n";
    }
--- request eval
["GET /t?n=1", "GET /t?n=2"]
--- response_body eval
["1", "2"]



=== TEST 5: pipelined requests
--- config
    location /t {
        return 200 "$arg_n";
    }
--- pipelined_requests eval
["GET /t?n=1", "GET /t?n=2"]
--- response_body eval
["1", "2"]



=== TEST 6: an expected error
--- config
    location /t {
        root html;
    }
--- request
GET /t/absent
--- error_code: 404
--- response_body_like: Not Found
--- error_log
No such file or directory



=== TEST 7: a configuration that is refused
--- config
    nonsense on;
--- must_die
--- error_log
unknown directive "nonsense"



=== TEST 8: files, and http_config
--- http_config
    map $uri $mapped {
        default yes;
    }
--- config
    location /file.txt {
        root html;
        add_header X-Mapped $mapped;
    }
--- user_files
>>> file.txt
content
--- request
GET /file.txt
--- response_headers
X-Mapped: yes
--- response_body
content
