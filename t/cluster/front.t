#!/usr/bin/perl

# conf.examples/front.conf before two instances of a cluster: people who come
# over TLS land on either, meet in the same rooms, and resume on whichever they
# get after theirs has died.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Redis;
use RTProp::Test;

my $redis = RTProp::Redis->new(keep => 1)->start;

my @nginx = map { rtprop_nginx(
    workers => 2, allow => [qr/rtprop: redis/i],
    prefix => 'rtprop_engine redis; rtprop_redis ' . $redis->url . ';'
              . ' rtprop_presence_lease 3s;') } 0, 1;

my $front = front(map { $_->port } @nginx);

is(api(PUT => '/api/conversations/c1', { participants => ['ann', 'ben'] })
   ->{status}, 201, 'a conversation');

my (%people, %place, $first);      # first: who is on the first instance

for my $name (qw(ann ben)) {
    my $ws = $people{$name} = client(nginx => $front, tls => 1,
                                     user => $name);

    $ws->send_json('chat:join', { conversation_id => 'c1' });
    $place{$name} = $ws->wait_for('chat:joined');
    $first //= connections($nginx[0]) ? 'ann' : 'ben';
}

is_deeply([map { connections($_) } @nginx], [1, 1], 'one on each instance');

$people{ann}->send_json('chat:send_message', { conversation_id => 'c1',
                                             content => 'one' });
is($people{$_}->wait_for('chat:new_message')->{payload}{content}, 'one',
   "$_ hears it") for qw(ann ben);

# whose instance dies comes back on the other and has missed nothing

$nginx[0]->stop('KILL');

my ($gone, $left) = $first eq 'ann' ? qw(ann ben) : qw(ben ann);

ok($people{$gone}->wait_eof, 'whose instance has died is thrown out');

$people{$left}->send_json('chat:send_message', { conversation_id => 'c1',
                                               content => 'two' });
is($people{$left}->wait_for('chat:new_message')->{payload}{content}, 'two',
   'who is left goes on');

my $again = client(nginx => $front, tls => 1, user => $gone);
$again->send_json('resume', { channels => {
    'conversation:c1' => { epoch => $place{$gone}{epoch},
                           offset => $place{$gone}{offset} + 1 } } });

is($again->wait_for('chat:new_message')->{payload}{content}, 'two',
   'who comes back gets what was missed, on the other instance');
ok($again->wait_for('resumed')->{payload}{channels}{'conversation:c1'}
   {recovered}, 'recovered');

$front->stop;
is_deeply([$front->bad_lines], [], "nothing else in the front's log");

done_testing();


sub front {
    my @ports = @_;
    my $nginx = RTProp::Nginx->new(full => '', tls => 1, workers => 2,
        allow => [qr/(?:connect|recv)\(\) failed/,
                  qr/prematurely closed|reset by peer/,
                  qr/upstream server temporarily disabled/]);
    my $text = RTProp::Nginx::slurp(RTProp::Nginx::top()
                                    . '/conf.examples/front.conf');
    my $temp = join "\n", map { "${_}_temp_path tmp_$_;" }
               qw(client_body proxy fastcgi uwsgi scgi);

    $text =~ s/192\.0\.2\.11:8080/127.0.0.1:$ports[0]/ or die;
    $text =~ s/192\.0\.2\.12:8080/127.0.0.1:$ports[1]/ or die;
    $text =~ s/listen 8443/listen 127.0.0.1:\@PORT\@/ or die;
    $text =~ s/worker_processes auto/worker_processes 2/ or die;
    $text =~ s{rtprop/(cert\.\w+)}{$1}g;
    $text =~ s/^http \{\K/\naccess_log off;\n$temp/m;

    $nginx->{full} = "pid nginx.pid;\nerror_log logs/error.log info;\n"
                     . ($> == 0 ? "user nobody nogroup;\n" : '') . $text;
    $nginx->{tls_port} = $nginx->port;
    $nginx->write_conf;
    $nginx->start;

    return $nginx;
}


sub connections {
    my ($nginx) = @_;

    return http(nginx => $nginx)->get('/health')->{json}{connections};
}
