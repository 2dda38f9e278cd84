#!/usr/bin/perl

# A zone full of kept answers: refused with "unavailable", nothing breaks, and
# what was answered stays answered.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

Test::More::plan(skip_all => 'the embedded engine alone')
    if ($ENV{RTPROP_TEST_ENGINE} // '') eq 'redis';

rtprop_nginx(http => "rtprop_zone rtprop 1m;\n");
my $event = { channel => 'user:ann', type => 'x:event' };
my $http = http(bearer => API_KEY);


sub publish {
    my ($key) = @_;
    return $http->post('/api/publish', $event, 'Idempotency-Key' => $key);
}

my $first = publish('key-0');
my $n = 0;
my $answer;

do {
    $answer = publish('key-' . ++$n);
} while ($answer->{status} == 200 && $n < 20_000);

is($answer->{status}, 503, 'no room for one more key');
is($answer->{json}{code}, 'unavailable', 'to be tried again');
like($answer->{headers}{'retry-after'}, qr/^\d+$/, 'later');

my $again = publish('key-0');
is($again->{headers}{'idempotency-replayed'}, 'true', 'the first key is kept');
is_deeply($again->{json}, $first->{json}, 'with its answer');

my $health = http()->get('/health');
is($health->{status}, 200, 'the server serves');
is($health->{json}{status}, 'degraded', 'with less than all it should');
is($health->{json}{engine}{status}, 'full', 'and says why');

done_testing();
