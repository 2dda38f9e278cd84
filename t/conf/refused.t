#!/usr/bin/perl

# What "nginx -t" refuses of each directive: values, duplicates, numbers of
# arguments, places.  The message names the directive and says what is right.
# Keys, tokens and users are in t/session/config.t, files of rtprop_api_key in
# t/http/conf.t.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

# directive => [good value, a second one, more arguments than it takes, its
# lowest level]

my %directive = (
    rtprop                  => ['echo', 'health', 'echo echo', 'location'],
    rtprop_zone             => ['a 2m', 'b 2m', 'a 2m 2m', 'http'],
    rtprop_engine           => ['shm', 'shm', 'shm shm', 'http'],
    rtprop_redis            => ['redis://127.0.0.1/1 prefix=a:',
                                'unix:/run/redis.sock', undef, 'http'],
    rtprop_redis_failover   => ['5s', '6s', '5s 5s', 'http'],
    rtprop_presence_lease   => ['5s', '6s', '5s 5s', 'http'],
    rtprop_postgres         => ['dbname=a queue=5', 'dbname=b', undef, 'http'],
    rtprop_history          => ['messages=5', 'age=1h', undef, 'http'],
    rtprop_drain            => ['5s', '6s', '5s 5s', 'http'],
    rtprop_log              => ['logs/a', 'off', 'a b', 'http'],
    rtprop_jwt_key          => ['jwt.key', undef, 'a b c d', 'any'],
    rtprop_jwks             => ['jwks.json', undef, 'a b', 'any'],
    rtprop_jwt_issuer       => ['i', 'j', 'i j', 'any'],
    rtprop_jwt_audience     => ['a b', 'c', undef, 'any'],
    rtprop_jwt_leeway       => ['30s', '31s', '30s 31s', 'any'],
    rtprop_token            => ['$cookie_t', '$arg_t', '$arg_a b', 'any'],
    rtprop_user             => ['$arg_u', '$arg_v', '$arg_u a b c', 'any'],
    rtprop_origin           => ['same', 'any', undef, 'any'],
    rtprop_user_connections => ['5', '6', '5 6', 'any'],
    rtprop_rate             => ['bid 5r/s', 'bid off', 'bid 5r/s burst=5 x',
                                'any'],
    rtprop_errors           => ['5/1m', '6/1m', '5/1m 1m', 'any'],
    rtprop_max_message      => ['1k', '2k', '1k 2k', 'any'],
    rtprop_ping             => ['20s', '21s', '20s timeout=1s 1s', 'any'],
    rtprop_send_queue       => ['1m', '2m', '1m soft=1k/1s 1s', 'any'],
    rtprop_compression      => ['on threshold=1k', 'off',
                                'on threshold=1k level=6 window=15 x', 'any'],
    rtprop_field_case       => ['snake', 'camel', 'snake camel', 'location'],
    rtprop_batch            => ['50ms', '0', '50ms 1s', 'location'],
    rtprop_api_key          => ['api.key', 'api.key', 'a b', 'location'],
    rtprop_api_public       => ['on', 'off', 'on off', 'location'],
);

# level => how a text gets there; "if" and "upstream" are no place for any

my %place = (
    main     => sub { (main => $_[0]) },
    events   => sub { (events => $_[0]) },
    http     => sub { (http => $_[0]) },
    server   => sub { (server => $_[0]) },
    location => sub { (server => "location /x { $_[0] }") },
    if       => sub { (server => "location /x { if (\$arg_a) { $_[0] } }") },
    upstream => sub { (http => "upstream u { server 127.0.0.1; $_[0] }") },
);

my %allowed = (http => ['http'], location => ['location'],
               any => [qw(http server location)]);

my %files = (empty => '', blank => "\nhush\n",
             'jwks.json' => JSON::PP::encode_json({
                 keys => [RTProp::JWT::jwk_oct(SECRET, 'k1')] }));


sub test_conf {
    my ($level, $text) = @_;
    my %part = $place{$level}->($text);
    return nginx_t(http => '', server => '', files => \%files, %part);
}


sub refused {
    my ($level, $text, $why, $name) = @_;
    my ($directive) = $text =~ /\b(rtprop\w*)/;
    my ($accepted, $said) = test_conf($level, $text);

    ok(!$accepted, $name // "refused: $text");
    like($said, $why, 'what it says');
    like($said, qr/"$directive"/, "it names $directive");
}


# every directive, by the table

for my $name (sort keys %directive) {
    my ($good, $other, $many, $level) = @{$directive{$name}};
    my %here = map { $_ => 1 } @{$allowed{$level}};
    my ($first) = @{$allowed{$level}};

    for my $place (sort keys %place) {
        if ($here{$place}) {
            my ($accepted, $said) = test_conf($place, "$name $good;");
            ok($accepted, "$name $good, at the level $place") or diag($said);
            next;
        }

        refused($place, "$name $good;", qr/directive is not allowed here/,
                "$name is refused at the level $place");
    }

    refused($first, "$name;", qr/invalid number of arguments/,
            "$name without a value");
    refused($first, "$name $many;", qr/invalid number of arguments/,
            "$name $many") if defined $many;
    refused($first, "$name $good; $name $other;", qr/is duplicate/,
            "$name twice") if defined $other;
}

# the table is whole

my $source = RTProp::Nginx::slurp(RTProp::Nginx::top()
                                  . '/ngx_rtprop_module.c');
my @known = $source =~ /\{ ngx_string\("(rtprop\w*)"\),\s*NGX_\w*CONF/g;
# queries are replaced in t/store/conf.t
is_deeply([sort keys %directive], [sort grep { $_ ne 'rtprop_query' } @known],
          'each directive is here');


# words

refused('location', 'rtprop nativ;',
        qr/unknown word "nativ" in "rtprop", it must be one of .*"echo"/);
refused('location', 'rtprop nativ;', qr/one of (?!.*("\w+").*\1).*"native"/);
refused('location', "rtprop $_;", qr{unknown word "$_" in "rtprop"})
    for qw(Native shm);

{
    my (undef, $said) = test_conf('location', 'rtprop x;');
    like($said, qr/one of .*"$_"/, "the message lists $_")
        for qw(native echo api health metrics);
}

{
    my ($accepted, $said) = test_conf('location', 'rtprop native;');
    ok(!$accepted, 'native without an identity');
    like($said, qr/"rtprop native" knows nobody.*"rtprop_jwt_key", /,
         'it names what is missing');
    like($said, qr/"rtprop_jwks" or "rtprop_user"/, 'all of it');
}

refused('http', 'rtprop_engine mysql;',
        qr/"mysql" in "rtprop_engine", it must be "shm" or "redis"/);
refused('location', 'rtprop_field_case kebab;',
        qr/it must be "snake" or "camel" or "both"/);
refused('location', 'rtprop_api_public yes;', qr/it must be "on" or "off"/);

# values

my @range = (
    [http => rtprop_zone => qr/a size of at least 1m/,
     'z 1023k', 'z 0', 'z -1m', 'z many'],
    [http => rtprop_zone => qr/empty name.*rtprop_zone rtprop 64m/, '"" 2m'],
    [http => rtprop_drain => qr/a time of at most 1h/,
     '2h', 'soon', '-1s', '""'],
    [http => rtprop_presence_lease => qr/a time from 2s to 1h/,
     '1s', '2h', 'soon', '-1s', '""'],
    [http => rtprop_log => qr/a file or "off"/, '""'],
    [http => rtprop_history => qr/a number from 1 to 1000000/,
     'messages=0', 'messages=-1', 'messages=x', 'messages=1000001'],
    [http => rtprop_history => qr/a size of at least 4k/,
     'bytes=4095', 'bytes=lots'],
    [http => rtprop_history => qr/a time of at least 1s/,
     'age=0', 'age=10ms', 'age=old'],
    [http => rtprop_history => qr/"messages=number", "bytes=size" or/,
     '10', 'messages=', 'message=1', 'messages=1 messages=2',
     'age=1h bytes=4k age=2h', 'bytes=1m bytes=2m'],
    [http => rtprop_redis => qr{"redis://\[user:password@\]host\[:port\]},
     'localhost:6379', 'redis:127.0.0.1', 'redis://', 'redis://:1', '""',
     'redis://[::1', 'redis://a:0', 'redis://a:65536', 'redis://a:b',
     'unix:', 'unix:relative', 'sentinel://a,/m', 'cluster://a,,b'],
    [http => rtprop_redis => qr{"redis://" \(this build has no TLS},
     'rediss://127.0.0.1'],
    [http => rtprop_redis => qr{whose database is a number},
     'redis://a/x', 'redis://a/65536', 'redis://a/1/2', 'sentinel://a/m/x'],
    [http => rtprop_redis => qr{with one host}, 'redis://a,b'],
    [http => rtprop_redis => qr{at most 16 hosts},
     'cluster://' . join(',', 'a' .. 'q')],
    [http => rtprop_redis => qr{"cluster://host,host" without a database},
     'cluster://a/1'],
    [http => rtprop_redis => qr{a cluster has only number 0},
     'cluster://a db=1'],
    [http => rtprop_redis => qr{name that the Sentinels give the master},
     'sentinel://a', 'sentinel://a/', 'sentinel://a//1'],
    [http => rtprop_redis => qr{user and password are percent-encoded},
     'redis://:%@a', 'redis://u%0:p@a', 'redis://:%zz@a', 'redis://:%00@a'],
    [http => rtprop_redis => qr{a user without a password},
     'redis://u@a', 'redis://a user=u'],
    [http => rtprop_redis => qr{are for "sentinel://" only},
     'redis://a sentinel_user=u'],
    [http => rtprop_redis => qr/an option: "prefix=", "user=",/,
     'redis://a b', 'redis://a prefix', 'redis://a Prefix=b'],
    [http => rtprop_redis => qr/"prefix=text" of at most 64 octets without/,
     'redis://a "prefix={a}"', 'redis://a prefix=' . 'a' x 65,
     'redis://a prefix='],
    [http => rtprop_redis => qr/"timeout=time" from 100ms to 60s/,
     'redis://a timeout=99ms', 'redis://a timeout=61s',
     'redis://a timeout=soon'],
    [http => rtprop_redis => qr/"connect_timeout=time" from 100ms to 60s/,
     'redis://a connect_timeout=0'],
    [http => rtprop_redis => qr/"retry=time" from 50ms to 60s/,
     'redis://a retry=1ms'],
    [http => rtprop_redis => qr/"queue=number" from 1 to 10000000/,
     'redis://a queue=0'],
    [http => rtprop_redis => qr/"buffer=size" from 64k to 1g/,
     'redis://a buffer=1k', 'redis://a buffer=2g'],
    [http => rtprop_redis => qr/"max_reply=size" from 64k to 512m/,
     'redis://a max_reply=1k'],
    [http => rtprop_redis => qr/"db=n" from 0 to 65535/, 'redis://a db=-1'],
    [http => rtprop_redis => qr{open\(\) ".*none" failed},
     'redis://a password_file=none'],
    [http => rtprop_redis => qr/must hold a password in its first line/,
     'redis://a password_file=empty', 'redis://a password_file=blank'],
    [location => rtprop_jwt_leeway => qr/a time of at most 1h/, 'x', '61m'],
    [location => rtprop_user_connections => qr/a number from 1 to 1000000/,
     '0', '-1', 'x', '5r', '1000001', '""'],
    [location => rtprop_rate => qr/"message", "typing", "bid" or "other"/,
     'bids 5r/s', 'Bid 5r/s', '5r/s bid'],
    [location => rtprop_rate => qr{1 to 100000 as "5r/s" or "30r/m", or "off"},
     'bid 0r/s', 'bid 5', 'bid r/s', 'bid 5r/h', 'bid -5r/s', 'bid none',
     'bid 100001r/s'],
    [location => rtprop_rate => qr/"burst=number"/,
     'bid 5r/s 5', 'bid 5r/s burst', 'bid 5r/s burst='],
    [location => rtprop_rate => qr/a burst from 1 to 100000/,
     'bid 5r/s burst=0', 'bid 5r/s burst=x', 'bid 5r/s burst=100001'],
    [location => rtprop_rate => qr/nothing after "off"/, 'bid off burst=5'],
    [location => rtprop_errors => qr{from 1 to 65535 and a time of at most 1d},
     '50', '0/1m', '50/0', 'x/1m', '50/x', '/', '50/', '65536/1m', '-1/1m',
     '50/25h'],
    [location => rtprop_max_message => qr/a size from 128 octets to 64m/,
     '127', '65m', 'big', '-1'],
    [location => rtprop_ping => qr/an interval from 100ms to 1d/,
     '99ms', '0', 'off', '""', '25h', '99999d'],
    [location => rtprop_ping => qr/"timeout=time"/,
     '25s 60s', '25s timeout', '25s timeout='],
    [location => rtprop_ping => qr/a timeout from 100ms to 1d/,
     '25s timeout=0', '25s timeout=x', '25s timeout=25h'],
    [location => rtprop_send_queue => qr/a size from 4k to 1024m/,
     '4095', 'x', '0', '1025m'],
    [location => rtprop_send_queue => qr{"soft=size/time"},
     '1m 256k', '1m soft', '1m soft=256k'],
    [location => rtprop_send_queue => qr/a soft size from 1k to the hard one/,
     '1m soft=1023/10s', '1m soft=2m/10s', '1m soft=x/10s', '1m soft=256k/x',
     '1m soft=256k/0', '1m soft=256k/', '1m soft=/', '1m soft=256k/25h'],
    [location => rtprop_compression => qr/"off" alone, or "on"/,
     'yes', '1', 'off level=6', 'threshold=1k', '""'],
    [location => rtprop_compression => qr/a threshold of at most 1m/,
     'on threshold=2m', 'on threshold=-1', 'on threshold=x'],
    [location => rtprop_compression => qr/a level from 1 to 9/,
     'on level=0', 'on level=10', 'on level=-1', 'on level=fast'],
    [location => rtprop_compression => qr/a window from 9 to 15/,
     'on window=8', 'on window=16', 'on window=32k'],
    [location => rtprop_compression =>
         qr/"threshold=size", "level=n" or "window=n", each once/,
     'on 1k', 'on level=', 'on size=1k', 'on level=1 level=2',
     'on window=9 window=10', 'on threshold=1 threshold=2'],
    [location => rtprop_batch => qr/a time of at most 10s/,
     '11s', 'on', '-1', '""'],
);

for (@range) {
    my ($level, $name, $why, @values) = @$_;
    refused($level, "$name $_;", $why) for @values;
}


# a password is not shown

{
    my (undef, $said) = test_conf('http', 'rtprop_redis redis://:hush@a:b;');
    like($said, qr/"\(the address\)"/, 'a wrong address with a password');
    unlike($said, qr/hush/, 'is not repeated');
}


# zones

{
    my %server = (server => 'location /x { rtprop echo; }');
    my ($accepted, $said) = nginx_t(%server, http => <<'END');
        rtprop_zone shared 2m;
        limit_req_zone $arg_a zone=shared:2m rate=1r/s;
END

    ok(!$accepted, 'a zone of that name and another purpose');
    like($said, qr/"shared" is already (?:declared|bound)/, 'what it says');

    ($accepted, $said) = nginx_t(%server, http => '');
    ok($accepted, 'a location without rtprop_zone has one') or diag($said);
}

# what another version may know

for my $name (qw(rtprop_nonsense rtprop_zones)) {
    refused('http', "$name x;", qr/unknown directive "$name"/);
}

{
    my ($accepted, $said) = test_conf('http', 'rtprop_log none/such.log;');
    ok(!$accepted, 'rtprop_log in no folder');
    like($said, qr{none/such\.log" failed \(2:}, 'what it says');
}

done_testing();
