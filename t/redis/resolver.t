#!/usr/bin/perl

# Names of "rtprop_redis": asked of nginx's resolver with each connection.

use strict;
use warnings;

use File::Temp;
use IO::Socket::INET;

use lib 't/lib', 't/redis';
use Beside;
use RTProp::Redis;
use Talk;
use Test::More;

# A name server that knows what a file says: an address, or that there is none;
# it is silent where there is no file.

my $dns = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp')
    or die $@;
my $dir = File::Temp->newdir('names-XXXXXX', TMPDIR => 1);
my $server = Beside->start(\&serve);


sub serve {
    while (defined(my $peer = $dns->recv(my $packet, 512))) {
        my ($id) = unpack 'n', $packet;
        my $question = substr $packet, 12;
        my @labels = unpack '(C/a)*', substr $question, 0, -4;
        my $name = join '.', grep { length } @labels;
        my $text = RTProp::Nginx::slurp("$dir/$name");
        my @addresses = split ' ', $text;

        next if !length $text;
        next if $text eq 'silent';
        @addresses = () if $text eq 'none';

        my $answers = join '', map {
            pack 'nnnNn/a', 0xc00c, 1, 1, 1, pack 'C4', split /\./;
        } @addresses;
        $dns->send(pack('n6', $id, @addresses ? 0x8180 : 0x8183, 1,
                        scalar @addresses, 0, 0) . $question . $answers, 0,
                   $peer);
    }
}


sub name {
    my ($name, $text) = @_;

    open my $fh, '>', "$dir/new" or die $!;
    print {$fh} $text;
    close $fh;
    rename "$dir/new", "$dir/$name" or die $!;
}


my $resolver = 'resolver 127.0.0.1:' . $dns->sockport . ' valid=1s ipv6=off;';
my $quick = 'timeout=500ms connect_timeout=500ms retry=100ms';
my $redis = RTProp::Redis->new->start;
my $port = $redis->port;

name('redis.test' => 'none');
my $talk = Talk->start("redis://redis.test:$port $quick",
                       http_conf => $resolver);

ok($talk->wait_status(qr/^its name was not found$/), 'a name that is unknown');
is($talk->command('PING')->{error}, 1, 'commands are refused');

name('redis.test' => 'silent');
ok($talk->wait_status(qr/^(?:connecting timed out|its name was not found)$/),
   'a name server that is silent');

name('redis.test' => '127.0.0.1');
ok($talk->wait_note(qr/^up$/m), 'a name that is known');
is($talk->command('PING')->{reply}, 'PONG', 'it serves');

# the next connection goes where the name then is: several are tried in turn

$talk->forget;
$redis->kill;
name('redis.test' => '127.0.0.2 127.0.0.1');
ok($talk->wait_note(qr/^down /m), 'Redis dies');
$redis->start;
ok($talk->wait_note(qr/^up$/m), 'one of two addresses is right');

# a worker that ends while it asks

name('redis.test' => 'silent');
$talk->forget;
$redis->kill;
ok($talk->wait_note(qr/^down /m), 'Redis dies');
is_deeply([$talk->stop(qr/is away: /, qr/could not be resolved/)], [],
          'nothing unexpected in the log');


# "localhost" needs none; without one a name is looked up at once

$redis->start;
$talk = Talk->start("redis://localhost:$port $quick", http_conf => $resolver);
ok($talk->wait_note(qr/^up$/m), 'localhost');
is_deeply([$talk->stop], [], 'nothing unexpected in the log');

my ($accepted, $said) = eval {
    RTProp::Nginx->new(workers => 1, full => Talk::conf({
        url => "redis://no.such.name.invalid:$port" }))->test_config;
};
ok(!$accepted, 'a name that is not found, without a resolver');
like($said, qr/host not found in "rtprop_redis" of "no\.such\.name\.invalid:/,
     'what nginx -t says');

($accepted, $said) = RTProp::Nginx->new(workers => 1, full => Talk::conf({
    url => "redis://no.such.name.invalid:$port",
    http_conf => $resolver }))->test_config;
ok($accepted, 'with one it may come later') or diag($said);

done_testing();
