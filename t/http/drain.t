#!/usr/bin/perl

# A worker that is about to end says so: 503 while it drains; the new ones
# serve, and the service is as old as it was.

use strict;
use warnings;

use Time::HiRes qw(time);

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(workers => 1);

ok($nginx->wait_until(sub { http()->get('/health')->{json}{uptime} >= 1 }),
   'the service grows older');

my $old = http()->get('/health');
is($old->{status}, 200, 'a worker in health');
is($old->{json}{workers}, 1, 'is alone');


# a request that is not whole yet keeps the old worker

my $late = http();
$late->open or die "connect: $@";
syswrite $late->{socket}, "GET /health HTTP/1.1\r\nHost: a\r\n";

# it has been read when a later request of the same worker is answered
is(http()->get('/health')->{status}, 200, 'others are served meanwhile');

$nginx->reload;
syswrite $late->{socket}, "\r\n";

my $answer = $late->read_answer('GET', time + 5);

is($answer->{status}, 503, 'the old worker');
is($answer->{json}{status}, 'draining', 'drains');
is($answer->{json}{worker}{pid}, $old->{json}{worker}{pid}, 'that one');

my $new = http()->get('/health');

is($new->{status}, 200, 'the new worker');
isnt($new->{json}{worker}{pid}, $old->{json}{worker}{pid}, 'is another');
cmp_ok($new->{json}{uptime}, '>=', $old->{json}{uptime},
       'uptime goes on over a reload');

ok($nginx->wait_drained, 'the old worker ends');
is(http()->get('/health')->{json}{workers}, 1, 'it is counted no more');

done_testing();
